"""A page in a real browser, driven through the protocol that its developer tools use.

Chromium reads commands from file descriptor 3 and writes answers to 4, JSON ended by a zero byte
(``--remote-debugging-pipe``), so that no port and no library is needed. Keys sent this way are
trusted events: the browser does with them what it does with those of a keyboard.
"""

import base64
import json
import os
import select
import shutil
import subprocess
import time

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
PATIENCE = 60  # s; for one answer of a browser on a busy machine
VIRTUAL_KEYS = {  # name: (code, Windows virtual key, text)
    "Enter": ("Enter", 13, "\r"),
    " ": ("Space", 32, " "),
    "Tab": ("Tab", 9, ""),
    "PageUp": ("PageUp", 33, ""),
    "PageDown": ("PageDown", 34, ""),
    "End": ("End", 35, ""),
    "Home": ("Home", 36, ""),
    "ArrowLeft": ("ArrowLeft", 37, ""),
    "ArrowUp": ("ArrowUp", 38, ""),
    "ArrowRight": ("ArrowRight", 39, ""),
    "ArrowDown": ("ArrowDown", 40, ""),
}


class Page:
    """One tab of one headless browser.

    Attributes
    ----------
    messages : list of str
        What the page complained of on its console, and exceptions.
    requested : list of str
        Every address it asked for.
    """

    def __init__(self, profile):
        self.messages, self.requested = [], []
        self._number, self._rest, self._answers = 0, b"", {}
        command_read, self._commands = os.pipe()
        self._results, result_write = os.pipe()

        def as_descriptors_3_and_4():
            # By way of high numbers, since the pipes may hold 3 and 4 already.
            high = [os.dup2(command_read, 1003), os.dup2(result_write, 1004)]
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        self._process = subprocess.Popen(
            [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
             "--disable-dev-shm-usage", "--mute-audio", "--remote-debugging-pipe",
             f"--user-data-dir={profile}"],
            preexec_fn=as_descriptors_3_and_4, close_fds=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(command_read)
        os.close(result_write)
        self._session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        """Send a command and return its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while self._number not in self._answers:
            self._receive()
        answer = self._answers.pop(self._number)
        assert "error" not in answer, answer
        return answer["result"]

    def open(self, path, width=1000, height=900):
        """Load a file and wait until it is complete."""
        self.size(width, height)
        self.call("Page.navigate", url=path.as_uri())
        self.wait_for("document.readyState === 'complete'")

    def size(self, width, height, is_mobile=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=is_mobile)  # fmt: skip

    def evaluate(self, expression):
        """Return the value of a JavaScript expression, awaited."""
        result = self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True,
            userGesture=True,
        )  # fmt: skip
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def wait_for(self, expression):
        """Wait until an expression is true."""
        end = time.monotonic() + PATIENCE
        while not self.evaluate(expression):
            assert time.monotonic() < end, f"never true: {expression}; {self.messages}"
            time.sleep(0.02)

    def press(self, *keys, shift=False):
        """Press keys one after another."""
        for key in keys:
            code, number, text = VIRTUAL_KEYS.get(key, ("", ord(key[0].upper()), key))
            parameters = {"key": key, "code": code, "windowsVirtualKeyCode": number}
            parameters["modifiers"] = 8 if shift else 0
            self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **parameters)
            self.call("Input.dispatchKeyEvent", type="keyUp", **parameters)

    def type(self, text):
        """Enter text where the cursor is."""
        self.call("Input.insertText", text=text)

    def click(self, selector):
        """Click the middle of an element with the mouse."""
        x, y = self.evaluate(
            f"(() => {{ const element = document.querySelector({json.dumps(selector)});"
            "element.scrollIntoView({block: 'center'}); const b = element.getBoundingClientRect();"
            "return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def text(self, selector):
        """Return the text that is shown in an element."""
        return self.evaluate(f"document.querySelector({json.dumps(selector)}).innerText")

    def screenshot(self, path):
        """Save what the whole page looks like."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def close(self):
        self._process.terminate()
        self._process.wait()
        os.close(self._commands)
        os.close(self._results)

    def _receive(self):
        ready, _, _ = select.select([self._results], [], [], PATIENCE)
        assert ready, "the browser does not answer"
        chunk = os.read(self._results, 2**20)
        assert chunk, "the browser has ended"
        *whole, self._rest = (self._rest + chunk).split(b"\0")
        for text in whole:
            self._take(json.loads(text))

    def _take(self, message):
        if "id" in message:
            self._answers[message["id"]] = message
            return
        method, facts = message.get("method"), message.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requested.append(facts["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.messages.append(json.dumps(facts["exceptionDetails"]))
        elif method == "Log.entryAdded":
            self.messages.append(json.dumps(facts["entry"]))
        elif method == "Runtime.consoleAPICalled":
            self.messages.append(json.dumps(facts["args"]))
