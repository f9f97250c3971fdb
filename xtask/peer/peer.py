"""Holds receipts against pyocmf, an OCMF library of other hands, and makes some with it.

    peer.py verify RECEIPTS KEY   one JSON object a line of RECEIPTS: is it genuine, what does it say
    peer.py sign KEY RECEIPTS     writes records of its own making, signed with a new key

KEY is a public key in PEM. Nothing of openpile is used here.
"""

import base64
import decimal
import json
import sys
import warnings

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pyocmf import OCMF, Payload, PublicKey, SpecWarning


def public_key(path):
    with open(path, "rb") as file:
        key = serialization.load_pem_public_key(file.read())
    der = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return PublicKey.from_string(der.hex())


def told(record, key):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            parsed = OCMF.from_string(record)
            genuine = parsed.verify_signature(key)
        except Exception as error:  # a refusal of any kind is an answer
            return {"genuine": False, "why": f"{type(error).__name__}: {error}"}
        issues = parsed.check_eichrecht(errors_only=True)
        payload = parsed.payload
        answer = {
            "genuine": genuine,
            "page": payload.PG,
            "pile": payload.GS,
            "meter": payload.MS,
            "card": payload.ID,
            "level": str(payload.IL),
            "tariff": payload.TT,
            "extra": {name: str(value) for name, value in (payload.model_extra or {}).items()},
            "readings": [
                {
                    "letter": str(reading.TX),
                    "time": int(reading.TM.timestamp.timestamp()),
                    "clock": str(reading.TM.status),
                    "kwh": str(reading.RV if str(reading.RU) == "kWh" else reading.RV / 1000),
                    "status": str(reading.ST),
                    "doubts": reading.EF or "",
                }
                for reading in payload.RD
            ],
            "errors": [str(issue) for issue in issues],
        }
    answer["warnings"] = [
        str(it.message) for it in caught if issubclass(it.category, SpecWarning)
    ]
    return answer


def verify(receipts, key):
    key = public_key(key)
    with open(receipts, encoding="utf-8", newline="\n") as file:
        for line in file:
            print(json.dumps(told(line.rstrip("\n"), key)))


def sign(key, receipts):
    private = ec.generate_private_key(ec.SECP256R1())
    with open(key, "wb") as file:
        file.write(
            private.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )
    records = []
    for page, (start, stop, unit, encoding) in enumerate(
        [
            ("2935.600", "2941.125", "kWh", "hex"),
            ("17", "18.5", "Wh", "base64"),
            ("0.000001", "99999.999999", "kWh", None),
        ],
        start=1,
    ):
        reading = {"RI": "1-b:1.8.0", "RU": unit, "RT": "AC", "EF": "", "ST": "G"}
        begin = {"TM": "2024-03-31T01:59:59,000+0100 S", "TX": "B", "RV": decimal.Decimal(start)}
        end = {"TM": "2024-03-31T03:00:01,000+0200 S", "TX": "E", "RV": decimal.Decimal(stop)}
        payload = Payload.model_validate(
            {
                "FV": "1.0", "GI": "another", "GS": "GW-7", "GV": "2.1", "PG": f"T{page}",
                "MV": "Meters \u00e9\u00fc Ltd", "MM": "M1", "MS": "M-0815", "MF": "1",
                "IS": True, "IL": "VERIFIED", "IF": ["RFID_PLAIN"], "IT": "LOCAL", "ID": "user 7",
                "RD": [begin | reading, end | reading],
            }
        )
        unsigned = OCMF(header="OCMF", payload=payload, signature={"SD": "00"}).to_string()
        body = unsigned.split("|")[1]
        der = private.sign(body.encode("utf-8"), ec.ECDSA(hashes.SHA256()))
        signature = {"SA": "ECDSA-secp256r1-SHA256"}
        if encoding:
            signature |= {"SE": encoding, "SM": "application/x-der"}
        if encoding == "base64":
            signature["SD"] = base64.b64encode(der).decode()
        else:
            signature["SD"] = der.hex()
        records.append(f"OCMF|{body}|{json.dumps(signature)}")
    with open(receipts, "w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{record}\n" for record in records)


if __name__ == "__main__":
    {"verify": verify, "sign": sign}[sys.argv[1]](*sys.argv[2:])
