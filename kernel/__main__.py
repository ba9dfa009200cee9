"""The "Tapestry" kernel: IPython's own kernel with the extension loaded."""

import os

os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")  # read on import; else it warns

from ipykernel.kernelapp import IPKernelApp  # noqa: E402


class TapestryKernelApp(IPKernelApp):
    def init_sockets(self):
        """ipykernel 7.4 warns of plain TCP at each start; on the loopback that is only noise."""
        local = self.ip in ("127.0.0.1", "localhost")
        if local:
            self.log.addFilter(_is_not_about_tcp)
        super().init_sockets()
        self.log.removeFilter(_is_not_about_tcp)


def _is_not_about_tcp(record):
    return "TCP without encryption" not in record.getMessage()


def main():
    TapestryKernelApp.launch_instance(extensions=["kernel"])


if __name__ == "__main__":
    main()
