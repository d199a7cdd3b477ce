"""Whether a server can be reached, found out in bounded time: no run hangs on a machine without a network."""

import ssl
import threading
import urllib.error
import urllib.request


def answers(url: str, timeout: float) -> bool:
    """Whether `url`'s server gives an HTTP answer within `timeout` seconds, the look-up of its name included.

    "Not found" is an answer, an error of the server (500 and above) is none. Proxies of the environment
    are used; certificates are left to the client that comes after.
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
