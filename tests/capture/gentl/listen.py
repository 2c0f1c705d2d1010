"""What a program sends: listen.py WORDS... prints, as JSON, where all its UDP packets went.

A raw packet socket hears every network card of this network, loopback too, so it sees each packet on its way.
"""

import json
import socket
import subprocess
import sys

ETH_P_IP = 0x0800
UDP = 17


def destinations(words):
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP)) as everything:
        everything.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        everything.setblocking(False)
        found = set()
        try:
            while True:
                packet, (card, *_) = everything.recvfrom(65536)
                if packet[9] == UDP:
                    found.add((card, socket.inet_ntoa(packet[16:20])))
        except BlockingIOError:
            return done, sorted(found)


if __name__ == "__main__":
    process, seen = destinations(sys.argv[1:])
    print(json.dumps({"seen": seen, "status": process.returncode, "said": process.stdout}))
