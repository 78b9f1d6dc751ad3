"""What the page of a night costs: CPU time and bytes in Python, and long tasks in a browser.

    python benchmarks/page.py [--runs N] [--night FOLDER]

The night is a written one (tests/nights) of N tries, which takes minutes to write, or that of a
repository. CPU times are the least of three processes of their own. With Chromium and playwright
installed, the page is loaded and scrolled to its end, and then its runs are filtered and sorted:
the longest task of the main thread in each part is printed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

#: Run in a process of its own: its CPU seconds by step, and the bytes of the page.
STEPS = """\
import json, sys, time
from pathlib import Path
start = time.process_time()
from pytest_ouro.report.page.collect import collect
from pytest_ouro.report.page.render import render
from pytest_ouro.report.page.source import read_source
imported = time.process_time()
source = read_source(Path(sys.argv[1], "bound.toml"))
read = time.process_time()
facts = collect(source, made="2026-01-01T00:00:00+00:00")
collected = time.process_time()
page = render(facts)
done = time.process_time()
Path(sys.argv[2]).write_text(page)
details = sum(map(len, facts["details"]["blocks"]))
print(json.dumps({
    "import": imported - start, "read": read - imported, "collect": collected - read,
    "render": done - collected, "all": done - start, "runs": len(facts["runs"]),
    "bytes": len(page.encode()) - details, "details": details,
}))
"""
WATCH = """\
window.tasks = [];
new PerformanceObserver((list) => tasks.push(...list.getEntries().map((one) => one.duration)))
  .observe({ type: 'longtask' });
"""
SCROLL = """\
() => new Promise((done) => {
  const step = () => {
    scrollBy(0, 240);
    const end = scrollY + innerHeight >= document.documentElement.scrollHeight - 2;
    if (end) setTimeout(done, 200); else requestAnimationFrame(step);
  };
  step();
})
"""


def measure(night: Path, page: Path) -> dict[str, float]:
    """Return the numbers of the quickest of three processes that write the page."""
    found = []
    for _ in range(3):
        call = [sys.executable, "-c", STEPS, str(night), str(page)]
        done = subprocess.run(call, check=True, capture_output=True, text=True)
        found.append(json.loads(done.stdout))
    return min(found, key=lambda numbers: numbers["all"])


def scroll(page: Path) -> None:
    """Print the longest task of the main thread while the page loads, scrolls, filters, sorts."""
    from tests.report.page.browser import open_browser

    for browser in open_browser():
        window = browser.new_page(viewport={"width": 1280, "height": 720})
        window.add_init_script(WATCH)
        window.goto(page.as_uri())
        window.wait_for_timeout(500)

        def tell(name: str, window=window) -> None:
            tasks = window.evaluate("tasks.splice(0)")
            print(f"{name:18} longest task {max(tasks, default=0):4.0f} ms (0: none over 50)")

        tell("load")
        window.evaluate(SCROLL)
        tell("scroll")
        window.fill("input[type=search]", "lower")
        window.wait_for_timeout(300)
        tell("filter")
        window.get_by_role("button", name="value").click()
        window.wait_for_timeout(300)
        tell("sort")
        window.evaluate("scrollTo(0, 0)")
        window.locator(".stage").first.focus()
        for key in ("ArrowRight", "+", "+", "-", "0"):
            window.keyboard.press(key)
        window.wait_for_timeout(300)
        tell("zoom")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--night", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        night = args.night
        if night is None:
            from tests.nights import Shape, write_night

            night = Path(folder, "night")
            night.mkdir()
            write_night(night, Shape(runs=args.runs))
        page = Path(folder, "page.html")
        found = measure(night, page)
        for name in ("import", "read", "collect", "render", "all"):
            print(f"{name:18} {found[name]:6.2f} CPU seconds")
        print(f"{found['runs']:.0f} runs: {found['bytes'] / 1000:.0f} kB without details, ", end="")
        print(f"{found['bytes'] / found['runs']:.0f} kB for 1,000 runs; ", end="")
        print(f"{found['details'] / found['runs']:.0f} bytes of details a run")
        try:
            scroll(page)
        except BaseException as error:  # pytest's skip is one
            print(f"no browser: {error}")


if __name__ == "__main__":
    main()
