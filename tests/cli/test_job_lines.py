"""Lines to jobs: every bad line is named with all that is wrong with it, every good one is kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from evolink_async import Wan26ReferenceVideo
from evolink_async.cli.inputs.job_lines import parse_jobs

GOOD: dict[str, Any] = {
    "model": "wan2.6-reference-video",
    "prompt": "A person dancing",
    "video_urls": ["https://example.com/a.mp4"],
}


def lines(*values: object) -> list[bytes]:
    return [value if isinstance(value, bytes) else json.dumps(value).encode() for value in values]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"{not json", ["no JSON", "column 2"]),
        (b'{"model": "wan2.6-reference-video", "prompt": "torn he', ["no JSON"]),
        (b'{"model": "\xff"}', ["no JSON"]),
        (b'{"prompt": NaN}', ["no JSON"]),
        (b"[" * 100_000, ["no JSON"]),
        (b"[1, 2]", ["must be a JSON object", "[1, 2]"]),
        (b'"text"', ["must be a JSON object"]),
        ({**GOOD, "model": "wan2.6-referense-video"}, ["unknown model", "did you mean 'wan2.6-reference-video'"]),
        ({"prompt": "x"}, ["is required", "@ model"]),
        ({**GOOD, "custom_id": 7}, ["1 to 255 characters", "7", "@ custom_id"]),
        ({**GOOD, "custom_id": ""}, ["1 to 255 characters", "@ custom_id"]),
        ({**GOOD, "custom_id": "a\nb"}, ["1 to 255 characters", "@ custom_id"]),
        ({**GOOD, "custom_id": "x" * 256}, ["1 to 255 characters", "@ custom_id"]),
    ],
)
def test_bad_line(line, words):
    """A bad line is named by its number, in one line of text; the good ones around it are kept."""
    file = parse_jobs(lines(GOOD, line, {**GOOD, "prompt": "Another"}))
    (bad,) = file.bad
    assert len(file.jobs) == 2
    assert str(bad).startswith("line 2: ")
    assert "\n" not in str(bad)
    assert [word for word in words if word not in str(bad)] == []


def test_ten_wrong_fields():
    """All wrong fields of a line stand in its one sentence, the custom_id too."""
    body = {
        "custom_id": [],
        "model": "wan2.7-reference-video",
        "prompt": 1,
        "negative_prompt": 2,
        "image_start": "no url",
        "image_urls": ["ftp://example.com/a.png"],
        "video_urls": "https://example.com/a.mp4",
        "model_params": {"voice_bindings": {"dog1": "https://example.com/a.mp3"}},
        "quality": "4k",
        "aspect_ratio": "2:1",
        "duration": 99,
        "seed": 0,
        "prompt_extend": "yes",
        "colour": "red",
    }
    (bad,) = parse_jobs(lines(body)).bad
    paths = ["prompt", "negative_prompt", "image_start", "image_urls[0]", "video_urls", "quality", "aspect_ratio"]
    paths += ["model_params.voice_bindings.dog1", "duration", "seed", "prompt_extend", "colour", "custom_id"]
    assert [path for path in paths if f"@ {path}" not in bad.text] == []


def test_a_key_given_twice():
    """The second line with a key is bad, and names the first."""
    file = parse_jobs(lines({**GOOD, "custom_id": "a"}, {**GOOD, "custom_id": "b"}, {**GOOD, "custom_id": "a"}))
    assert [job.key for job in file.jobs] == ["a", "b"]
    assert [str(bad) for bad in file.bad] == ["line 3: 'a' is taken by line 1 @ custom_id"]


def test_a_key_equal_to_one_we_made():
    """A custom_id that is the key of an earlier line without one is refused, not lost."""
    made = parse_jobs(lines(GOOD)).jobs[0].key
    file = parse_jobs(lines(GOOD, {**GOOD, "custom_id": made}))
    assert len(file.jobs) == 1
    assert made in file.bad[0].text


def test_keys_of_our_own():
    """Without a custom_id, or with null, a key is made; equal lines get different ones, the same on every run."""
    once, again = (parse_jobs(lines(GOOD, GOOD, {**GOOD, "custom_id": None})) for _ in range(2))
    assert len({job.key for job in once.jobs}) == 3
    assert [job.key for job in once.jobs] == [job.key for job in again.jobs]


def test_what_editors_leave():
    """A byte order mark, Windows line ends and empty lines are no faults; numbers count every line."""
    file = parse_jobs([b"\xef\xbb\xbf" + json.dumps(GOOD).encode() + b"\r", b"", b"  \t", b"oops\r"])
    assert [job.params for job in file.jobs] == [
        Wan26ReferenceVideo(prompt="A person dancing", video_urls=["https://example.com/a.mp4"])
    ]
    assert [bad.line for bad in file.bad] == [4]


def test_a_last_line_cut_off():
    """Only a last line that no newline follows, and that is no JSON, is said to be cut off."""
    for torn in (b'{"model": "wan', b"", b"{}", b"[1]"):
        file = parse_jobs([*lines(GOOD, b"{"), torn])
        assert [job.params for job in file.jobs] == [Wan26ReferenceVideo(**{k: GOOD[k] for k in GOOD if k != "model"})]
        assert "cut off" not in file.bad[0].text
        assert ("cut off" in file.bad[-1].text) == (torn == b'{"model": "wan')


def test_lines_of_jobs():
    """Every job knows its line, with a key of its own or one of ours."""
    file = parse_jobs(lines(b"", GOOD, b"{", {**GOOD, "custom_id": "a"}))
    assert {job.key: file.line_numbers[job.key] for job in file.jobs} == {file.jobs[0].key: 2, "a": 4}


def test_notes():
    """What the service would cut is noted by line, and the job is kept."""
    body = {**GOOD, "model": "wan2.7-reference-video", "prompt": "x" * 5001}
    file = parse_jobs(lines(GOOD, body))
    assert len(file.jobs) == 2
    assert [note.line for note in file.notes] == [2]
    assert "5001" in file.notes[0].text


def test_nothing():
    """An empty file holds no jobs and no faults."""
    assert parse_jobs([]).jobs == ()
    assert parse_jobs([b"", b"\n"]).bad == ()
