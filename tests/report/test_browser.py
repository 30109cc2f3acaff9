"""The page in a real browser: no error, no request, nothing cut off."""

import html
import json
import re
import shutil
import subprocess

import pytest
from synthetic_study import rows_of, write_study

from wheesht.report.material import Options
from wheesht.report.write import write_report

pytestmark = pytest.mark.slow
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
COMPLAINT = re.compile(r"CONSOLE|Refused|ERR_|NOTFOUND|Failed to load|net_error", re.IGNORECASE)
WIDTHS = (360, 768, 1200)  # pixels: a phone, a tablet, a desk
PROBE = """<script>
function look(frame) {
  const inner = frame.contentDocument, root = inner.documentElement;
  const style = inner.defaultView.getComputedStyle(inner.body);
  const loose = [...inner.querySelectorAll("body *")].filter((one) =>
    one.getBoundingClientRect().right > root.clientWidth + 1
    && !one.closest(".scroll, .panel, pre, .unseen"));
  return {
    width: frame.clientWidth, sticks_out: root.scrollWidth - root.clientWidth,
    loose: loose.slice(0, 3).map((one) => one.tagName + "." + one.className),
    ink: style.color, paper: style.backgroundColor,
  };
}
addEventListener("load", () => {
  document.title = JSON.stringify([...document.querySelectorAll("iframe")].map(look));
});
</script>"""
FRAME = '<iframe src="report.html" style="border: 0; width: %dpx; height: 900px"></iframe>'


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Command of a browser with a profile of its own, or skip."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"needs a browser: none of {', '.join(BROWSERS)} is on the path")
    return [found, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A page with long names, many columns and folded tables."""
    systems = ("noisy", *(f"gru:{p}" for p in (100, 75, 50, 25)), "a_folder_of_someone_else")
    names = [f"a_clip_with_quite_a_long_name_number_{i:04d}_at_some_level" for i in range(9)]
    rows = rows_of(n=9, systems=systems, names=names) + rows_of("other", n=9, systems=systems)
    folder = write_study(tmp_path_factory.mktemp("browser"), rows)
    return write_report([folder], options=Options(has_audio=False)).html


def run(browser, *arguments):
    command = [*browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--v=0"]
    command += ["--enable-logging=stderr", "--host-resolver-rules=MAP * ~NOTFOUND"]
    command += ["--allow-file-access-from-files"]
    done = subprocess.run(
        [*command, *arguments], capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout, done.stderr


def test_the_page_loads_without_a_word(browser, page):
    out, err = run(browser, "--dump-dom", page.as_uri())
    assert "</html>" in out and "In short" in out
    assert not [line for line in err.splitlines() if COMPLAINT.search(line)]


def test_a_request_would_have_been_seen(browser, tmp_path):
    """Else the test above could not fail."""
    page = tmp_path / "bad.html"
    page.write_text('<script src="http://example.org/a.js"></script><script>nothing()</script>')
    _, err = run(browser, "--dump-dom", page.as_uri())
    assert [line for line in err.splitlines() if COMPLAINT.search(line)]


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_nothing_sticks_out_at_any_width(browser, page, scheme):
    probe = page.with_name("probe.html")
    probe.write_text(PROBE + "".join(FRAME % width for width in WIDTHS))
    setting = f"--blink-settings=preferredColorScheme={['dark', 'light'].index(scheme)}"
    out, _ = run(browser, setting, "--window-size=1400,1000", "--dump-dom", probe.as_uri())
    found = json.loads(html.unescape(re.search(r"<title>(.*?)</title>", out)[1]))
    assert [one["width"] for one in found] == list(WIDTHS)
    for one in found:
        assert one["sticks_out"] == 0 and one["loose"] == [], one
        ink, paper = (sum(map(int, re.findall(r"\d+", one[k])[:3])) for k in ("ink", "paper"))
        assert (ink > paper) == (scheme == "dark") and abs(ink - paper) > 400


def test_it_prints_whole(browser, page):
    target = page.with_name("report.pdf")
    run(browser, f"--print-to-pdf={target}", page.as_uri())
    data = target.read_bytes()
    assert data.startswith(b"%PDF") and data.count(b"/Type /Page\n") >= 3
