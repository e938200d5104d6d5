"""Servers that others wrote, for tests/cloud: `servers.py s3 FOLDER` and `servers.py https FOLDER`.

Both serve what is in the folder, print their port, and end with their standard input.
"""

import datetime
import functools
import http.server
import ipaddress
import pathlib
import ssl
import sys
import threading

BUCKET = "bucket"


def s3(folder):
    """moto's server, with every file of the folder in one bucket."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    client = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name="us-east-1",
    )
    client.create_bucket(Bucket=BUCKET)
    for path in sorted(folder.rglob("*")):
        key = path.relative_to(folder).as_posix()
        # A store's programs mark a folder by an object of no bytes.
        if path.is_dir():
            client.put_object(Bucket=BUCKET, Key=key + "/", Body=b"")
        else:
            client.put_object(Bucket=BUCKET, Key=key, Body=path.read_bytes())
    return port


def https(folder):
    """Python's own server, which knows no ranges. `ca.pem` beside the files says who it is."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certified(folder))
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def certified(folder):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    def made(name, issuer, signer, key, extensions):
        now = datetime.datetime.now(datetime.timezone.utc)
        day = datetime.timedelta(days=1)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - day)
            .not_valid_after(now + day)
        )
        for extension, is_critical in extensions:
            builder = builder.add_extension(extension, is_critical)
        return builder.sign(signer, hashes.SHA256())

    def named(name):
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])

    def pem(certificate):
        return certificate.public_bytes(serialization.Encoding.PEM)

    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    is_authority = (x509.BasicConstraints(ca=True, path_length=None), True)
    authority = made(named("tests"), named("tests"), authority_key, authority_key, [is_authority])
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    server = made(named("server"), named("tests"), authority_key, key, [(address, False)])
    (folder / "ca.pem").write_bytes(pem(authority))
    chain = folder / "server.pem"
    chain.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + pem(server)
    )
    return chain


if __name__ == "__main__":
    print({"s3": s3, "https": https}[sys.argv[1]](pathlib.Path(sys.argv[2])), flush=True)
    sys.stdin.read()
