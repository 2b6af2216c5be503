"""Names of files hold for any text, whoever wrote it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evolink_async.downloads import Template
from evolink_async.downloads.names import file_stem
from tests.downloads.test_names import PIECES, completed, is_safe
from tests.laws.effort import effort

SIGNS = st.characters(exclude_categories=[])
TEXTS = st.one_of(st.text(SIGNS, max_size=300), st.lists(st.sampled_from(PIECES), max_size=8).map("".join))
TEMPLATES = st.lists(
    st.sampled_from(["{key}", "{task_id}", "{model}", "{index}", "{index:03}", "-", ".", " ", "é", "con"])
)


@effort(2)
@given(TEXTS)
def test_any_text_makes_one_safe_name(text):
    """And that name makes itself."""
    stem = file_stem(text)
    assert is_safe(stem)
    assert file_stem(stem) == stem


@effort(2)
@given(TEMPLATES, TEXTS, TEXTS, TEXTS, st.integers(1, 10**6))
def test_any_template_makes_one_safe_name(parts, key, task_id, model, index):
    """Whatever is in its fields."""
    template = Template("".join([*parts, "{key}{ext}"]))
    assert is_safe(template.name(completed(key, task_id=task_id, model=model), index).stem)
