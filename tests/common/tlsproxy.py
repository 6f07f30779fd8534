# SPDX-License-Identifier: LGPL-2.1-or-later
"""TLS in front of what speaks it or not: takes connections with a certificate that can be changed, and passes on their bytes.

    with TlsProxy(silo.port, certificates, "expired") as proxy:   # speaks TLS at proxy.url
        ...
        proxy.present("server")
"""

import asyncio
import ssl
import threading


class TlsProxy:
    """Certificates by their name in `certificates` (tests/common/certs.py). One thread; connections are passed to 127.0.0.1:`port`."""

    def __init__(self, port, certificates, name):
        self.target = port
        self.certificates = certificates
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.n_accepted = 0  # whose handshake was good
        self.tasks = set()
        self.present(name)
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(lambda loop, context: None)  # of refused certificates there are many
        ready = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self.thread.start()
        ready.wait()
        self.url = f"https://127.0.0.1:{self.port}"

    def present(self, name):
        """To connections from now on."""
        self.context.load_cert_chain(self.certificates[f"{name}.pem"], self.certificates[f"{name}-key.pem"])

    def close(self):
        asyncio.run_coroutine_threadsafe(self._end(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _run(self, ready):
        asyncio.set_event_loop(self.loop)
        self.server = self.loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.context, backlog=1024))
        self.port = self.server.sockets[0].getsockname()[1]
        ready.set()
        self.loop.run_forever()
        self.loop.close()

    async def _end(self):
        self.server.close()
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _serve(self, reader, writer):
        self.n_accepted += 1
        task = asyncio.current_task()
        self.tasks.add(task)
        try:
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self.target)
            pumps = [asyncio.ensure_future(self._pump(reader, inner_writer)), asyncio.ensure_future(self._pump(inner_reader, writer))]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                inner_writer.close()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self.tasks.discard(task)

    @staticmethod
    async def _pump(reader, writer):
        try:
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
