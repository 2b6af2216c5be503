"""Sounds and videos whose headers say nothing, or something else than what PyAV reads from their packets."""

from __future__ import annotations

import io
import struct
from fractions import Fraction
from typing import cast

import av
import pytest

from evolink_async.media import MediaFacts, UnreadableError
from evolink_async.media.probe import recordings
from evolink_async.media.probe.measure import measure
from tests.footage import clip, sound

IN_PIECES = [
    "frag_keyframe",
    "frag_keyframe+empty_moov",
    "frag_keyframe+empty_moov+default_base_moof",
    "frag_every_frame+empty_moov",
    "dash+frag_keyframe",
]
CODECS = ["pcm_u8", "pcm_s24le", "pcm_f32le", "pcm_alaw", "pcm_mulaw", "adpcm_ms", "adpcm_ima_wav", "libmp3lame"]


def facts_of(content: bytes, **options: int) -> MediaFacts:
    return measure(io.BytesIO(content), **options)


def patched(content: bytes, at: int, new: bytes) -> bytes:
    return content[:at] + new + content[at + len(new) :]


def grey(width: int, height: int, form: str | None) -> av.VideoFrame:
    frame = av.VideoFrame(width, height, form or "yuv420p")
    for plane in frame.planes:
        plane.update(bytes([128]) * plane.buffer_size)
    return frame


def film(
    seconds: float = 3,
    size: tuple[int, int] = (320, 240),
    form: str = "mp4",
    codec: str = "libx264",
    *,
    covers: tuple[tuple[int, int], ...] = (),
    **options: str,
) -> bytes:
    """A video of ten frames a second; the covers are tracks of one picture before it."""
    made = io.BytesIO()
    with av.open(made, "w", format=form, options=options) as container:
        pictures = [container.add_stream("mjpeg", rate=10) for _ in covers]
        track = cast("av.VideoStream", container.add_stream(codec, rate=10, options={"g": "10"}))
        for one, (width, height) in zip([*pictures, track], [*covers, size], strict=True):
            one.width, one.height = width, height
            one.pix_fmt = "yuvj420p" if one.codec_context.name == "mjpeg" else "yuv420p"
        for one in [*pictures, track]:
            frame = grey(one.width, one.height, one.pix_fmt)
            for index in range(round(seconds * 10) if one is track else 1):
                frame.pts, frame.time_base = index, Fraction(1, 10)
                container.mux(one.encode(frame))
            container.mux(one.encode(None))
    return made.getvalue()


def wav(seconds: float, codec: str = "pcm_s16le", rate: int = 22_050, **options: str) -> bytes:
    made = io.BytesIO()
    with av.open(made, "w", format="wav", options=options) as container:
        container.metadata["title"] = "a title"
        stream = container.add_stream(codec, rate=rate, layout="mono")
        assert isinstance(stream, av.AudioStream)
        resampler = av.AudioResampler(format=stream.format, layout="mono", rate=rate)
        for start in range(0, round(seconds * rate), rate // 10):
            frame = av.AudioFrame(format="s16", layout="mono", samples=rate // 10)
            frame.planes[0].update(bytes(frame.planes[0].buffer_size))
            frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
            for each in resampler.resample(frame):
                container.mux(stream.encode(each))
        container.mux(stream.encode(None))
    return made.getvalue()


def boxes(content: bytes, kind: bytes) -> list[int]:
    """Where the boxes of a kind begin, behind their names."""
    found, at = [], content.find(kind)
    while at >= 0:
        found.append(at + 4)
        at = content.find(kind, at + 4)
    return found


# --- wav


@pytest.mark.parametrize("length", [0, 1 << 20, 0x7FFF0000, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFF9B, 0xFFFFFFFF])
@pytest.mark.parametrize("seconds", [1, 4.5])
def test_a_streamed_wav_is_as_long_as_its_samples(length, seconds):
    """The writer could not go back to its header, which names a made-up length."""
    content = sound(seconds, "wav")
    at = content.index(b"data") + 4
    streamed = patched(patched(content, 4, struct.pack("<I", length)), at, struct.pack("<I", length))
    assert facts_of(streamed).seconds == pytest.approx(seconds)


@pytest.mark.parametrize("codec", CODECS)
def test_a_wav_can_have_any_codec(codec):
    """The bytes in a second that its header names are no measure of the length."""
    content = wav(4, codec)
    rate = content.index(b"fmt ") + 16
    for lie in (content, patched(content, rate, bytes(4)), patched(content, rate, struct.pack("<I", 7))):
        assert facts_of(lie).seconds == pytest.approx(4, abs=0.12)


def test_a_wav_of_more_than_4_gib_has_another_header():
    """RF64 names its length in another chunk."""
    content = wav(3, rf64="always")
    assert content.startswith(b"RF64")
    assert facts_of(content).seconds == pytest.approx(3)


@pytest.mark.parametrize("title", ["Käse".encode("latin-1"), "故事".encode("gb18030"), b"\xff\xfe\xfd"])
def test_tags_in_any_encoding_are_no_damage(title):
    """Only text in UTF-8 can be read; the sound is healthy all the same."""
    content = wav(2)
    assert facts_of(content.replace(b"a title", title.ljust(7, b"\0"))).seconds == pytest.approx(2)


def id3(length: int, flags: int = 0) -> bytes:
    """An empty ID3 tag, with a footer if the flags say so."""
    size = bytes(length >> shift & 0x7F for shift in (21, 14, 7, 0))
    footer = b"3DI\4\0" + bytes([flags]) + size
    return b"ID3\4\0" + bytes([flags]) + size + bytes(length) + (footer if flags else b"")


@pytest.mark.parametrize("tag", [id3(100), id3(0), id3(20_000), id3(100, 0x10), id3(50) + id3(9_000)])
@pytest.mark.parametrize("codec", ["pcm_s16le", "libmp3lame"])
def test_a_tag_in_front_of_a_wav_is_no_damage(tag, codec):
    """Programs that know one tag for all sounds write it there."""
    content = tag + wav(3, codec)
    facts = facts_of(content)
    assert (facts.format, facts.size_bytes) == ("wav", len(content))
    assert facts.seconds == pytest.approx(3, abs=0.12)


def test_a_tag_in_front_of_nothing_is_no_sound():
    """The file ends with it."""
    with pytest.raises(UnreadableError, match="is cut off or damaged"):
        facts_of(id3(100))


# --- mp3


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000, 44_100, 48_000])
@pytest.mark.parametrize("note", [{}, {"write_xing": "0"}, {"id3v2_version": "0"}])
def test_an_mp3_without_a_note_is_measured_by_its_packets(rate, note):
    """With a note of its encoder the length is exact, without one the silence at both ends counts too."""
    content = mp3(10, rate, **note)
    assert facts_of(content).seconds == pytest.approx(10, abs=0.32 if "write_xing" in note else 0.001)


@pytest.mark.parametrize("times", [2, 3, 5])
def test_joined_mp3s_are_as_long_as_all_of_them(times):
    """The note in the first frame counts the first alone."""
    assert facts_of(mp3(4) * times).seconds == pytest.approx(4 * times, abs=0.1 * times)


@pytest.mark.parametrize("frames", [0, 1, 7, 1000, 0xFFFFFFFF])
def test_a_note_is_not_believed_without_packets(frames):
    """Some encoders write zero, or the number of another file."""
    content = mp3(12)
    note = max(content.find(b"Xing"), content.find(b"Info"))
    assert facts_of(patched(content, note + 8, struct.pack(">I", frames))).seconds == pytest.approx(12, abs=0.1)


@pytest.mark.parametrize("bit_rates", [(32_000, 320_000), (320_000, 32_000), (64_000, 128_000)])
def test_a_changing_bit_rate_does_not_change_the_length(bit_rates):
    """The first frames are no measure of the others."""
    first, second = (mp3(6, 44_100, bit_rate=rate, write_xing="0", id3v2_version="0") for rate in bit_rates)
    assert facts_of(first + second).seconds == pytest.approx(12, abs=0.2)


def mp3(seconds: float, rate: int = 24_000, bit_rate: int = 64_000, **options: str) -> bytes:
    made = io.BytesIO()
    with av.open(made, "w", format="mp3", options=options) as container:
        stream = container.add_stream("libmp3lame", rate=rate, layout="mono")
        assert isinstance(stream, av.AudioStream)
        stream.bit_rate = bit_rate
        frame = av.AudioFrame(format=stream.format.name, layout="mono", samples=round(seconds * rate))
        frame.planes[0].update(bytes(frame.planes[0].buffer_size))
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return made.getvalue()


@pytest.mark.parametrize("cut", [1, 50, 100, 150, 5000])
def test_an_mp3_can_begin_within_a_frame(cut):
    """A recording of a stream does; its first bytes name no format."""
    facts = facts_of(mp3(6, write_xing="0", id3v2_version="0")[cut:])
    assert facts.format == "mp3"
    assert facts.seconds == pytest.approx(6, abs=0.8)


@pytest.mark.parametrize("zeros", [1, 417, 4000])
def test_zeros_before_an_mp3_are_no_other_format(zeros):
    """Some encoders begin so."""
    facts = facts_of(bytes(zeros) + mp3(4, id3v2_version="0"))
    assert facts.format == "mp3"
    assert facts.seconds == pytest.approx(4, abs=0.1)


@pytest.mark.parametrize("tail", [b"TAG" + bytes(125), b"APETAGEX" + bytes(24), bytes(5000), b"LYRICSBEGIN" * 90])
def test_bytes_behind_an_mp3_are_no_sound(tail):
    """Tags of older players."""
    assert facts_of(mp3(4) + tail).seconds == pytest.approx(4, abs=0.1)


def layer_ii(seconds: float) -> bytes:
    """A sound of MPEG layer II, as of a broadcast."""
    made = io.BytesIO()
    with av.open(made, "w", format="mp2") as container:
        stream = container.add_stream("mp2", rate=44_100, layout="mono")
        assert isinstance(stream, av.AudioStream)
        frame = av.AudioFrame(format="s16", layout="mono", samples=round(seconds * 44_100))
        frame.planes[0].update(bytes(frame.planes[0].buffer_size))
        frame.sample_rate, frame.pts, frame.time_base = 44_100, 0, Fraction(1, 44_100)
        for part in (frame, None):
            container.mux(stream.encode(part))
    return made.getvalue()


def ape_tag(size: int) -> bytes:
    """A tag of APE with one entry, which has its header and its footer."""
    entry = struct.pack("<II", size, 2) + b"Cover\0" + b"\xff\xfb" * (size // 2)
    header, footer = (
        b"APETAGEX" + struct.pack("<IIII", 2000, len(entry) + 32, 1, flags) + bytes(8)
        for flags in (0xA0000000, 0x80000000)
    )
    return header + entry + footer


@pytest.mark.parametrize("before", [b"", b"ID3\3\0\0\0\0\0\x05" + bytes(5), ape_tag(4000)], ids=["bare", "id3", "ape"])
def test_another_layer_of_mpeg_audio_is_no_mp3(before):
    """The reader of mp3 takes it, and no model does."""
    assert facts_of(before + layer_ii(3)).format != "mp3"


@pytest.mark.parametrize("size", [10, 4000, 9000, 3_000_000])
@pytest.mark.parametrize("after", [b"", b"ID3\3\0\0\0\0\0\x05" + bytes(5)], ids=["bare", "id3"])
def test_a_tag_of_ape_in_front_of_a_sound_is_no_damage(size, after):
    """However long the cover in it is."""
    facts = facts_of(ape_tag(size) + after + mp3(4, id3v2_version="0"))
    assert facts.format == "mp3"
    assert facts.seconds == pytest.approx(4, abs=0.1)


# --- mp4 and mov


@pytest.mark.parametrize("seconds", [1, 4, 40])
@pytest.mark.parametrize("flags", ["disable_chpl", "frag_keyframe+empty_moov"])
def test_a_clock_of_whole_seconds_counts_if_the_film_agrees(seconds, flags):
    """One picture a second needs no finer one."""
    made = io.BytesIO()
    with av.open(made, "w", format="mp4", options={"movflags": flags, "video_track_timescale": "1"}) as container:
        track = container.add_stream("libx264", rate=1)
        track.width, track.height = 320, 240
        for number in range(seconds):
            frame = grey(320, 240, None)
            frame.pts, frame.time_base = number, Fraction(1)
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
    assert facts_of(made.getvalue()).seconds == pytest.approx(seconds)


@pytest.mark.parametrize("flags", IN_PIECES)
@pytest.mark.parametrize("form", ["mp4", "mov"])
def test_a_film_in_pieces_is_measured_by_its_packets(flags, form):
    """Its header counts the first piece, or nothing."""
    facts = facts_of(film(4, form=form, movflags=flags))
    assert (facts.width, facts.height) == (320, 240)
    assert facts.seconds == pytest.approx(4, abs=0.11)


def film_with_sound(seconds: float, sound_seconds: float, sample_rate: int, form: str = "mp4", **options: str) -> bytes:
    """A film of 24 pictures a second, stored in another order than they are shown, and a sound in frames of AAC."""
    made = io.BytesIO()
    with av.open(made, "w", format=form, options=options) as container:
        track = container.add_stream("libx264", rate=24, options={"bf": "3", "g": "24"})
        voice = container.add_stream("aac", rate=sample_rate, layout="mono")
        track.width, track.height = 64, 64
        for number in range(round(seconds * 24)):
            picture = grey(64, 64, None)
            picture.planes[0].update(bytes([number * 7 % 256]) * picture.planes[0].buffer_size)
            picture.pts, picture.time_base = number, Fraction(1, 24)
            container.mux(track.encode(picture))
        container.mux(track.encode(None))
        samples = av.AudioFrame(format=voice.format.name, layout="mono", samples=1024)
        samples.planes[0].update(bytes(samples.planes[0].buffer_size))
        samples.sample_rate, samples.time_base = sample_rate, Fraction(1, sample_rate)
        for start in range(0, round(sound_seconds * sample_rate), 1024):
            samples.pts = start
            container.mux(voice.encode(samples))
        container.mux(voice.encode(None))
    return made.getvalue()


@pytest.mark.parametrize("sample_rate", [8000, 12_000, 44_100])
@pytest.mark.parametrize(
    "options", [{}, {"use_editlist": "0"}, {"movflags": "frag_keyframe+empty_moov"}, {"movflags": "dash+frag_keyframe"}]
)
def test_the_padding_of_a_sound_makes_no_film_longer(options, sample_rate):
    """An encoder fills up the first frame and the last; without an edit list the film begins later, besides."""
    facts = facts_of(film_with_sound(3, 3, sample_rate, **options))
    assert facts.seconds == pytest.approx(3, abs=0.05)


@pytest.mark.parametrize("sample_rate", [8000, 44_100])
@pytest.mark.parametrize("options", [{}, {"use_editlist": "0"}, {"movflags": "frag_keyframe+empty_moov"}], ids=str)
def test_a_sound_that_goes_on_behind_a_film_counts(options, sample_rate):
    """What is more than padding is heard."""
    facts = facts_of(film_with_sound(3, 3.5, sample_rate, **options))
    assert facts.seconds == pytest.approx(3.5, abs=0.32)
    assert (facts.seconds or 0) > 3.4


@pytest.mark.parametrize("flags", IN_PIECES)
def test_the_first_bytes_of_a_film_in_pieces_tell_no_length(flags):
    """The pieces behind them are not counted."""
    content = film(4, movflags=flags)
    facts = facts_of(content[: len(content) * 3 // 4], size_bytes=len(content))
    assert (facts.seconds, facts.width) == (None, 320)


@pytest.mark.parametrize("tail", [b"TAG" + bytes(125), b"x" * 64, b"\0" * 7, b"<html>", b"\xff" * 500])
@pytest.mark.parametrize("form", ["mp4", "mov"])
def test_bytes_behind_a_film_are_no_damage(tail, form):
    """Tags, and what a download or a card left there."""
    assert facts_of(film(3, form=form) + tail).seconds == pytest.approx(3)


@pytest.mark.parametrize("length", [0, 1, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_length_in_the_header_is_not_believed_without_packets(length):
    """A writer that was ended early left what it knew."""
    content = film(3)
    [header] = boxes(content, b"mvhd")
    assert facts_of(patched(content, header + 16, struct.pack(">I", length))).seconds == pytest.approx(3, abs=0.11)


@pytest.mark.parametrize("side", [0, 4, None])
def test_a_track_header_without_sides_is_no_matter(side):
    """The codec names them too."""
    content = film(2, (640, 360))
    [header] = boxes(content, b"tkhd")
    for at in (76, 80) if side is None else (76 + side,):
        content = patched(content, header + at, bytes(4))
    assert (facts_of(content).width, facts_of(content).height) == (640, 360)


@pytest.mark.parametrize("covers", [((160, 90),), ((1920, 1080),), ((160, 90), (64, 64)), ((8, 4096),)])
@pytest.mark.parametrize("form", ["mp4", "mov"])
def test_a_cover_is_no_film(covers, form):
    """A track of one picture, however large, has no say in size and length."""
    facts = facts_of(film(3, (640, 360), form, covers=covers))
    assert (facts.width, facts.height) == (640, 360)
    assert facts.seconds == pytest.approx(3, abs=0.11)


def test_a_film_of_pictures_is_a_film():
    """Cameras recorded each frame as a JPEG."""
    for flags in ("disable_chpl", "frag_keyframe+empty_moov"):
        facts = facts_of(film(2, form="mov", codec="mjpeg", movflags=flags))
        assert (facts.format, facts.width) == ("mov", 320)
        assert facts.seconds == pytest.approx(2, abs=0.11)


def test_a_cover_makes_no_film_of_a_sound():
    """An album cover in an m4a, an mp4 or an mp3 is no video track."""
    made = io.BytesIO()
    with av.open(io.BytesIO(sound(2, "m4a")), "r") as source, av.open(made, "w", format="mp4") as container:
        copy = container.add_stream_from_template(source.streams.audio[0])
        picture = container.add_stream("mjpeg", rate=1)
        picture.width, picture.height, picture.pix_fmt = 300, 300, "yuvj420p"
        frame = grey(300, 300, "yuvj420p")
        frame.pts, frame.time_base = 0, Fraction(1, 1)
        container.mux(picture.encode(frame))
        container.mux(picture.encode(None))
        for packet in source.demux(audio=0):
            if packet.dts is not None:
                packet.stream = copy
                container.mux(packet)
    facts = facts_of(made.getvalue())
    assert (facts.format, facts.width) == ("m4a", None)
    assert facts.seconds == pytest.approx(2, abs=0.06)


def test_the_largest_track_that_is_enabled_counts():
    """Players show it; a track that is switched off is not shown, however large."""
    two = both((320, 240), (640, 480))
    assert (facts_of(two).width, facts_of(two).height) == (640, 480)
    second = boxes(two, b"tkhd")[1]
    assert facts_of(patched(two, second + 3, b"\0")).width == 320
    first = boxes(two, b"tkhd")[0]
    assert facts_of(patched(patched(two, second + 3, b"\0"), first + 3, b"\0")).width == 640


def both(*sizes: tuple[int, int]) -> bytes:
    made = io.BytesIO()
    with av.open(made, "w", format="mp4") as container:
        tracks = [container.add_stream("libx264", rate=10) for _ in sizes]
        for track, size in zip(tracks, sizes, strict=True):
            track.width, track.height, track.pix_fmt = *size, "yuv420p"
        for track in tracks:
            frame = grey(track.width, track.height, "yuv420p")
            for index in range(20):
                frame.pts, frame.time_base = index, Fraction(1, 10)
                container.mux(track.encode(frame))
            container.mux(track.encode(None))
    content = made.getvalue()
    # The muxer enables the first track alone.
    for header in boxes(content, b"tkhd"):
        content = patched(content, header + 3, b"\3")
    return content


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_film_is_measured_as_it_is_shown(turn):
    """The rotation in the header turns the sides."""
    shown = (480, 640) if turn % 180 else (640, 480)
    for broadcast in (False, True):
        facts = facts_of(clip(1, (640, 480), turned=turn, broadcast=broadcast))
        assert (facts.width, facts.height) == shown


def test_a_codec_without_a_name_leaves_the_sides_open():
    """The length is in the container."""
    facts = facts_of(film(3).replace(b"avc1", b"zzzz"))
    assert (facts.format, facts.width) == ("mp4", None)
    assert facts.seconds == pytest.approx(3)


def test_a_video_of_a_sound_brand_is_a_video():
    """Brands are not believed: the tracks tell what it is."""
    assert facts_of(patched(film(1), 8, b"M4A ")).format == "mp4"


@pytest.mark.parametrize("brand", [b"3gp4", b"3gp7", b"3gr6", b"3gs9", b"3ge6", b"3g2b"])
def test_films_of_phones_have_many_brands(brand):
    """One letter and number for each release and profile."""
    assert facts_of(patched(film(1), 8, brand)).format == "3gp"


def test_a_film_can_begin_with_a_box_of_its_maker():
    """Its name is `uuid`; the index is found behind it."""
    facts = facts_of(patched(film(1), 4, b"uuid"))
    assert (facts.format, facts.width) == ("mov", 320)
    assert facts.seconds == pytest.approx(1)


@pytest.mark.parametrize("scale", [0, 1])
def test_a_clock_of_whole_seconds_does_not_count(scale):
    """The header of a track is damaged; nothing is said of its length."""
    content = sound(3, "m4a")
    [header] = boxes(content, b"mdhd")
    facts = facts_of(patched(content, header + 12, struct.pack(">I", scale)))
    assert (facts.format, facts.seconds) == ("m4a", None)


def test_a_sound_of_which_nothing_is_played_has_no_length():
    """All that is there of the file is left out by an edit."""
    content = sound(3, "m4a", in_front=True)
    lengths = boxes(content, b"stsz")[0] + 12
    first = int.from_bytes(content[lengths : lengths + 4])
    assert facts_of(content[: boxes(content, b"mdat")[-1] + first]).seconds is None


def test_a_film_of_which_nothing_is_there_is_cut_off():
    """The header alone, as of a recording that never began."""
    content = film(2, movflags="frag_keyframe+empty_moov")
    with pytest.raises(UnreadableError, match="is cut off or damaged"):
        facts_of(content[: content.index(b"moof") - 4])


def test_a_film_cut_behind_its_index_is_as_long_as_what_is_left():
    """It can be played up to there."""
    content = clip(4, in_front=True)
    frames = len(content) - content.index(b"mdat")
    seconds = [facts_of(content[: len(content) - frames * part // 10]).seconds or 0 for part in (6, 3, 1)]
    assert seconds == sorted(seconds)
    assert 0 < seconds[0] < seconds[-1] < 4


def test_more_packets_than_are_counted(monkeypatch):
    """Then the length is that of the header, or what was counted if that is more."""
    monkeypatch.setattr(recordings, "_MOST_PACKETS", 15)
    assert facts_of(film(3)).seconds == pytest.approx(3)
    assert facts_of(mp3(3)).seconds == pytest.approx(3)
