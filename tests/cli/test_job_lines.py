"""Lines to jobs: every bad line is named with all that is wrong with it, every good one is kept."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from typing import Any

import pytest

from evolink_async import Wan26ReferenceVideo
from evolink_async.cli.inputs import jobs_file
from evolink_async.cli.inputs.job_lines import parse_jobs
from evolink_async.cli.inputs.line_text import fault_of_file
from evolink_async.params import dump_params

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
        (json.dumps(GOOD).encode() + b",", ["a comma follows", "each line must be one JSON object"]),
        (json.dumps(GOOD).encode() * 2, ["more follows", "each line must be one JSON object"]),
        (b'{"model": "x",', ["it ends too early", "each line must be one JSON object"]),
        (b'{"model": "x}', ["no quotation mark ends the text that begins at column 11"]),
        (b'{"seed": ' + b"1" * 5000 + b"}", ["no JSON, a number has 5000 digits"]),
        (b"[" * 100_000, ["no JSON"]),
        (b"[1, 2]", ["must be a JSON object", "[1, 2]"]),
        (b'"text"', ["must be a JSON object"]),
        ({**GOOD, "model": "wan2.6-referense-video"}, ["unknown model", "did you mean 'wan2.6-reference-video'"]),
        ({"prompt": "x"}, ["is required", "@ model"]),
        ({**GOOD, "custom_id": 7}, ["must be text, not 7 @ custom_id"]),
        ({**GOOD, "custom_id": ["a"]}, ['must be text, not ["a"] @ custom_id']),
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


def test_a_table_of_several_models():
    """As pandas writes it: null in the columns of other models, 5.0 in a column of whole numbers that has gaps."""
    frame = {"model": "wan2.6-text-to-video", "prompt": "A cat", "duration": 5}
    plain = parse_jobs(lines(frame)).jobs[0]
    nulls = {"seed": None, "image_urls": None, "model_params": None, "negative_prompt": None, "no_model_has_it": None}
    file = parse_jobs(lines(frame | nulls | {"duration": 5.0}))
    assert file.bad == ()
    [job] = file.jobs
    assert job == plain
    assert type(dump_params(job.params)["duration"]) is int


@pytest.mark.parametrize("value", [5.5, True, "5", 1e300, -5.0, [5.0]])
def test_what_is_no_whole_number_is_refused(value):
    """Nothing is rounded."""
    file = parse_jobs(lines({"model": "wan2.6-text-to-video", "prompt": "A cat", "duration": value}))
    assert "@ duration" in file.bad[0].text


def test_a_number_that_is_no_whole_one_elsewhere_stays():
    """A text is not made of a number, and a field with a value is unknown as before."""
    file = parse_jobs(lines({**GOOD, "prompt": 5.0, "zzz": 0}))
    assert "must be text, not 5.0 @ prompt" in file.bad[0].text
    assert "unknown field @ zzz" in file.bad[0].text


@pytest.mark.parametrize(
    "content",
    [
        b"custom_id,model,prompt\n1,wan2.6-text-to-video,cat\n2,wan2.6-text-to-video,dog\n",
        b"\xef\xbb\xbfmodel;prompt\r\nwan2.6-text-to-video;cat\r\n",
        b"- model: wan2.6-text-to-video\n  prompt: a\n",
        b"---\nmodel: wan2.6-text-to-video\n",
        b"<html>\n<body>\n",
    ],
)
def test_a_file_of_another_format_is_told_once(cli, tmp_path, content):
    """A table, YAML, a page: what the file must be, not what is wrong with each line of it."""
    (path := tmp_path / "jobs.jsonl").write_bytes(content)
    ran = cli("check", path)
    assert (ran.code, ran.out, ran.err.count("error: ")) == (2, "", 1)
    assert "each line must be one JSON object" in " ".join(ran.err.split())


def test_one_bad_line_is_no_other_format():
    """The good lines around it are kept."""
    assert fault_of_file(b"oops\n" + json.dumps(GOOD).encode()) is None


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


def text_of(line: bytes, files_from=None, *, before: bytes = b"") -> str:
    (bad,) = parse_jobs([before, line], files_from).bad
    return bad.text


@pytest.mark.parametrize(
    "line", [b'{"a":1,"a":1}', b'{"b":{"a":1,"c":{"a":2,"\\u0061":3}}}', b'{"b":[{"a":[],"a":{}}]}']
)
def test_a_name_given_twice(line):
    """In an object at any depth, also if the values are equal, or one name is written with an escape."""
    given = {**GOOD, "extra": 0, "custom_id": "k"}
    text = json.dumps(given).encode().replace(b"0", line)
    (bad,) = parse_jobs([text]).bad
    assert "is given twice @ a" in bad.faults
    assert bad.key == "k"


def test_a_key_given_twice_in_one_line():
    """Nobody can say which one is meant, so the line has no key."""
    text = json.dumps({"custom_id": "a", **GOOD}).encode().replace(b"{", b'{"custom_id": "b", ', 1)
    (bad,) = parse_jobs([text]).bad
    assert (bad.faults, bad.key) == (("is given twice @ custom_id",), None)


def test_names_in_different_objects_may_be_equal():
    """What stands in two objects is no repeat."""
    line = {**GOOD, "custom_id": "model", "model_params": {"shot_type": "multi"}, "prompt": "prompt"}
    assert parse_jobs(lines(line, {**line, "custom_id": "b"})).bad == ()


def encoded(prompt: str, encoding: str) -> bytes:
    return json.dumps({**GOOD, "prompt": prompt}, ensure_ascii=False).encode(encoding)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (encoded("A", "utf-16"), ["UTF-16", "not UTF-8"]),
        (encoded("A", "utf-16-le"), ["UTF-16", "not UTF-8"]),
        (encoded("caf\u00e9", "utf-16-be"), ["UTF-16", "not UTF-8"]),
        (encoded("A", "utf-32"), ["UTF-32", "not UTF-8"]),
        (encoded("caf\u00e9", "latin-1"), ["latin-1", "not UTF-8 at byte"]),
        (encoded("\u201ca\u201d", "cp1252"), ["Windows-1252", "not UTF-8"]),
        (encoded("\u732b\u304c\u8e0a\u308b", "shift_jis"), ["Shift JIS", "not UTF-8"]),
        (encoded("\u732b\u5728\u8df3", "gbk"), ["GBK", "not UTF-8"]),
        (encoded("A", "utf-8") + b"\xef\xbb\xbf" + encoded("B", "utf-8"), ["byte order mark", "joined"]),
        (b'{"prompt": "\xe7\x8c', ["not UTF-8", "incomplete"]),
        (b'{"prompt": "\\ud83d"}', ["surrogate"]),
        (b"\0" * 512, ["no JSON"]),
    ],
)
def test_another_encoding_is_named(line, words, monkeypatch):
    """The encoding is named, with orjson and without it in the same words."""
    text = text_of(line)
    assert [word for word in words if word not in text] == []
    monkeypatch.setattr("evolink_async.json_text._parse_fast", None)
    assert text_of(line) == text


def test_a_byte_order_mark_of_a_joined_file():
    """It is named along with all other faults, and the key stays; alone on a line it is no fault."""
    mark, line = b"\xef\xbb\xbf", json.dumps({**GOOD, "custom_id": "k", "duration": 99}).encode()
    (bad,) = parse_jobs([mark + json.dumps(GOOD).encode(), mark + line, mark, b""]).bad
    assert (bad.line, bad.key, len(bad.faults)) == (2, "k", 2)
    assert "byte order mark" in bad.text
    assert "@ duration" in bad.text


ARRAY = b"[\n" + b",\n".join(lines(GOOD, GOOD)) + b"\n]\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (json.dumps(GOOD, indent=1).encode(), ["over several lines", "jq -c . "]),
        (b'{"jobs": ' + ARRAY + b"}", ["over several lines"]),
        (ARRAY, ["JSON array", "jq -c '.[]'"]),
        (b"\xef\xbb\xbf\n " + json.dumps([GOOD]).encode(), ["JSON array"]),
        (gzip.compress(ARRAY), ["compressed (gzip)"]),
        (bz2.compress(ARRAY), ["compressed (bzip2)"]),
        (lzma.compress(ARRAY), ["compressed (xz)"]),
        (ARRAY.decode().encode("utf-16"), ["UTF-16"]),
    ],
)
def test_a_file_of_another_kind(content, words):
    """It is refused whole, also if one of its lines could be a job."""
    fault = fault_of_file(content) or ""
    assert [word for word in words if word not in fault] == []


@pytest.mark.parametrize("count", [1, 20, 60, 200, 300, 5000])
def test_null_bytes_behind_a_file_are_no_encoding(count):
    """A power failure leaves them there; the jobs in front of them are read, and the line of them is named."""
    content = json.dumps(GOOD).encode() + b"\n" + bytes(count)
    assert fault_of_file(content) is None
    read = parse_jobs(content.split(b"\n"))
    assert (len(read.jobs), [bad.line for bad in read.bad]) == (1, [2])
    assert "UTF" not in read.bad[0].text


@pytest.mark.parametrize(
    "first", [b"", b"{", b"{not json", b'{"model": "torn', b'{"a": ' * 10_000 + b"1", b"oops", b"[]"]
)
def test_a_file_with_a_bad_first_line(first):
    """The others are read, but for a first line that may begin an object of all the lines."""
    content = first + b"\n" + json.dumps(GOOD).encode()
    assert (fault_of_file(content) is None) == (first != b"{")
    assert (fault_of_file(first) is None) == (first != b"[]")


@pytest.mark.parametrize(
    "place", ["cat.png", "clips/cat.png", "./cat.png", "/data/cat.png", "C:\\clips\\cat.png", "\u732b.png"]
)
def test_a_path_without_its_sign(place, tmp_path):
    """The text that was meant is shown, ready to copy; once."""
    body = {**GOOD, "model": "wan2.6-image-to-video-flash", "image_urls": [place], "audio_url": place}
    del body["video_urls"]
    (bad,) = parse_jobs(lines(body), tmp_path).bad
    assert [f"{f'file:{place}'!r} for a file" in fault for fault in bad.faults] == [True, True]


@pytest.mark.parametrize(
    "url", ["ftp://example.com/a.png", "//example.com/a.png", "data:image/png;base64,AA==", "", "https://"]
)
def test_another_url_is_no_path(url, tmp_path):
    """No file is proposed for a URL that the service does not take."""
    (bad,) = parse_jobs(lines({**GOOD, "video_urls": [url]}), tmp_path).bad
    assert "for a file" not in bad.text


@pytest.mark.parametrize(
    "line",
    [
        {"custom_id": "k", "method": "POST", "url": "/v1/videos", "body": GOOD},
        {"custom_id": "k", "body": {}},
        {"custom_id": "k", "params": GOOD},
        {"custom_id": "k", "request": {"prompt": "A"}},
        {"custom_id": "k", "modelInput": {"prompt": "A"}},
    ],
)
def test_another_vendors_batch(line):
    """One fault says so; the key is kept, and no model is guessed."""
    (bad,) = parse_jobs(lines(line)).bad
    assert len(bad.faults) == 1
    assert "another vendor's batch format" in bad.text
    assert "perhaps" not in bad.text
    assert bad.key == "k"


@pytest.mark.parametrize("line", [{}, {"custom_id": "k"}, {"text": "A"}, {"input": {"prompt": "A"}}])
def test_no_model_is_guessed(line):
    """Where no field is one of a model."""
    assert text_of(json.dumps(line).encode()) == "is required @ model"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\0\0\0\x18ftypmp42" + b"\n" * 50, "is no text, but binary data"),
        (b"\0" * 5000, "is no text, but binary data"),
        (b"x" * 1001, "has a line longer than"),
        (json.dumps(GOOD).encode() + b"\n" + b"x" * 5000, "has a line longer than"),
        (b"[" + b" " * 5000, "is a JSON array"),
        (gzip.compress(b"x") + b"a" * 5000, "is compressed (gzip)"),
        (b"{}\n" * 2000, "is longer than"),
    ],
)
@pytest.mark.parametrize("is_stdin", [False, True])
def test_what_is_no_file_of_jobs_is_not_read_whole(cli, tmp_path, monkeypatch, content, words, is_stdin):
    """A video, a file of null bytes, a device: one sentence, before the memory is full."""
    monkeypatch.setattr(jobs_file, "MAX_LINE", 1000)
    monkeypatch.setattr(jobs_file, "MAX_SIZE", 5000)
    (path := tmp_path / "jobs.jsonl").write_bytes(content)
    with path.open() as stream:
        monkeypatch.setattr("sys.stdin", stream)
        ran = cli("check", "-" if is_stdin else path)
    assert (ran.code, ran.out, ran.err.count("error: ")) == (2, "", 1)
    assert words in ran.err


def test_a_device_without_an_end(cli):
    """It is refused after its first bytes."""
    ran = cli("check", "/dev/zero")
    assert (ran.code, ran.out) == (2, "")
    assert "is no text, but binary data" in ran.err


def test_too_little_memory_is_a_sentence(cli, tmp_path, monkeypatch):
    """And no traceback."""

    def fail(_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(jobs_file, "_read_lines", fail)
    (path := tmp_path / "jobs.jsonl").write_bytes(b"{}")
    ran = cli("check", path)
    assert (ran.code, ran.out) == (1, "")
    assert "too little memory" in ran.err
