"""Which texts are web addresses, and which hosts are public."""

from __future__ import annotations

import pytest

from evolink_async.urls import is_public_host, quoted, unquoted_character, web_host

HOSTS = {
    "https://example.com": "example.com",
    "HTTP://EXAMPLE.com/a%20b?c=d#e": "example.com",
    "http://[::1]:8080/x": "::1",
    "https://user:secret@example.com/x": "example.com",
}
NO_WEB_ADDRESSES = [
    "",
    "example.com/x",
    "//example.com/x",
    "ftp://example.com/x",
    "data:image/png;base64,AAAA",
    "https:///x",
    "https://:80/",
    "https://@/",
    "https://example.com:0/",
    "https://example.com:99999/",
    "https://[::1",
    "https://example.com/a b",
    "https://example.com/a\n",
    "https://example.com\\@127.0.0.1/",
    "https://example.com/图.mp4",
]
PUBLIC = ["example.com", "example.com.", "8.8.8.8", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "10.example.com"]
NOT_PUBLIC = [
    *("localhost", "LOCALHOST.", "a.localhost", "printer.local", "db.internal", ""),
    *("127.0.0.1", "127.1", "127.0.0.1.", "2130706433", "0x7f000001", "0x7F.1", "0177.0.0.1", "0x"),
    *("10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1", "169.254.169.254", "0.0.0.0"),
    *("224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1"),
    *(
        "::1",
        "::",
        "fe80::1",
        "fe80::1%25eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "2002:7f00:1::",
        "64:ff9b::7f00:1",
    ),
    *("999.1.1.1", "1.2.3.4.5", "08.1.1.1", "4294967296", "example.1", "127.0.0.%31", ":::"),
]


@pytest.mark.parametrize(("url", "host"), HOSTS.items())
def test_a_web_address_has_a_host(url, host):
    """An absolute http or https URL is recognised, whatever else it carries."""
    assert web_host(url) == host


@pytest.mark.parametrize("url", NO_WEB_ADDRESSES)
def test_what_is_no_web_address_has_none(url):
    """Other schemes, missing hosts, impossible ports and text that needs encoding are no web addresses."""
    assert web_host(url) is None


def test_the_first_sign_to_encode_is_named():
    """The first character that must be percent-encoded is returned, for messages."""
    assert unquoted_character("https://example.com/a b\n") == " "
    assert unquoted_character("https://example.com/a%20b") is None


@pytest.mark.parametrize("host", PUBLIC)
def test_public_hosts(host):
    """Names and global addresses pass; names are not resolved."""
    assert is_public_host(host)


@pytest.mark.parametrize("host", NOT_PUBLIC)
def test_hosts_that_are_not_public(host):
    """No spelling of an address that the internet cannot reach passes, nor what is neither name nor address."""
    assert not is_public_host(host)


@pytest.mark.parametrize(
    ("link", "sent"),
    [
        ("https://h/a.mp4?sig=a%2Fb%7E+c=", "https://h/a.mp4?sig=a%2Fb%7E+c="),
        ("https://h/a b.mp4?sig=x", "https://h/a%20b.mp4?sig=x"),
        ("https://h/视频.mp4?sig=x", "https://h/%E8%A7%86%E9%A2%91.mp4?sig=x"),
        ("https://h/100%.mp4?a=50%&b=%41", "https://h/100%25.mp4?a=50%25&b=%41"),
        ('https://h/"a"<b>.mp4?x={1}|^`\\', "https://h/%22a%22%3Cb%3E.mp4?x=%7B1%7D%7C%5E%60%5C"),
        ("https://h/a;b,c=d:e@f!$&'()*+~.mp4", "https://h/a;b,c=d:e@f!$&'()*+~.mp4"),
        ("https://bücher.example:8443/é", "https://xn--bcher-kva.example:8443/%C3%A9"),
        (" https://h/a.mp4\n", "https://h/a.mp4"),
        ("https://h?x=y z", "https://h?x=y%20z"),
        ("/films/a b.mp4?next=https://h/", "/films/a%20b.mp4?next=https://h/"),
        ("films/ü.mp4", "films/%C3%BC.mp4"),
    ],
)
def test_links_are_quoted_where_a_request_demands_it_and_nowhere_else(link, sent):
    """What is quoted already stays as it is: a signature covers it. Quoting twice changes nothing."""
    assert quoted(link) == sent
    assert quoted(sent) == sent
