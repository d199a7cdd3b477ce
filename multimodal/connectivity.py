"""Check in bounded time whether a server can be reached, so that no run hangs on a machine without a network."""

import ssl
import threading
import urllib.error
import urllib.request


def answers(url: str, timeout: float) -> bool:
    """Return whether the server of `url` answers over HTTP within `timeout` seconds, name resolution included.

    A client error such as 404 counts as an answer, a server error (500 and above) does not. Proxies set in the
    environment are used. Certificates are not checked here; the client that downloads checks them.
    """
    answered, request = threading.Event(), urllib.request.Request(url, method="HEAD")
    unchecked = ssl.create_default_context()
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE

    def probe() -> None:
        try:
            urllib.request.urlopen(request, timeout=timeout, context=unchecked).close()
        except urllib.error.HTTPError as error:
            if error.code >= 500:
                return
        except (OSError, ValueError):
            return
        answered.set()

    thread = threading.Thread(target=probe, daemon=True)
    thread.start()
    thread.join(timeout)  # shorter where the connection is refused at once
    return answered.is_set()
