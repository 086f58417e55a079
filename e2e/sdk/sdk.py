"""What a program with the public SDK (PyPI's bittensor) does, as e2e/sdk.test.ts asks for it: one JSON object a line.

    python sdk.py ENDPOINT WALLETS    {"do": "neuron", "hotkey": "5..."}  ->  its answer, as JSON, too

Only what the SDK and its two libraries, bittensor-wallet and bittensor-drand, offer to everybody is called.
"""

import json
import os
import sys

import bittensor_drand
from bittensor import Balance, Subtensor
from bittensor.core.extrinsics.serving import publish_metadata_extrinsic
from bittensor_wallet import Wallet

NETUID = 3


class Program:
    """A program of a miner's: one connection, and wallets in one folder."""

    def __init__(self, endpoint: str, wallets: str) -> None:
        self.subtensor = Subtensor(network=endpoint)
        self.wallets = wallets

    def wallet(self, name: str) -> dict:
        """Makes one with bittensor-wallet, without passwords; its addresses."""
        wallet = self._wallet(name)
        wallet.create_new_coldkey(use_password=False, overwrite=False, suppress=True)
        wallet.create_new_hotkey(use_password=False, overwrite=False, suppress=True)
        return {"hotkey": wallet.hotkey.ss58_address, "coldkey": wallet.coldkeypub.ss58_address}

    def neuron(self, hotkey: str) -> dict:
        """Who that is; the balance, in rao, is its owner's."""
        owner = self.subtensor.get_hotkey_owner(hotkey)
        return {
            "uid": self.subtensor.get_uid_for_hotkey_on_subnet(hotkey, NETUID),
            "isRegistered": self.subtensor.is_hotkey_registered(hotkey, netuid=NETUID),
            "subnets": self.subtensor.get_netuids_for_hotkey(hotkey),
            "owner": owner,
            "balance": self.subtensor.get_balance(owner).rao if owner else None,
        }

    def stake(self, hotkey: str, coldkey: str) -> int:
        """Alpha, in its smallest part."""
        return self.subtensor.get_stake(coldkey, hotkey, NETUID).rao

    def price(self) -> int:
        """Rao an alpha."""
        return self.subtensor.get_subnet_price(NETUID).rao

    def commitment(self, hotkey: str) -> dict:
        """What waits, and what came out; its blocks are those of the reveal."""
        waiting = self.subtensor.get_commitment_metadata(NETUID, hotkey)
        # Its `get_revealed_commitment_by_hotkey` fails where its codec takes prefix and text together for a text, as it
        # does wherever that is possible, with the real runtime's types, too.
        revealed = self.subtensor.query_module("Commitments", "RevealedCommitments", params=[NETUID, hotkey]).value
        return {
            "waiting": None if waiting == "" else waiting,
            "revealed": None if revealed is None else [[text_of(bytes_of(message)), at] for message, at in revealed],
            "lastRound": self.subtensor.last_drand_round(),
        }

    def decrypt(self, encrypted: str, round: int) -> str | None:
        """The text, by the pulse that the chain has; null where it has none yet."""
        pulse = self.subtensor.query_module("Drand", "Pulses", params=[round])
        if pulse.value is None:
            return None
        ciphertext = bytes_of(encrypted)
        wrapped = compact(len(ciphertext)) + ciphertext + round.to_bytes(8, "little")
        signature = pulse.value["signature"].removeprefix("0x")
        return text_of(bittensor_drand.decrypt_with_signature(wrapped, signature))

    def extrinsic(self, block: int, index: int) -> dict:
        """The extrinsic at that place, as who checks a payment reads it."""
        found = self.subtensor.substrate.retrieve_extrinsic_by_identifier(f"{block}-{index}")
        extrinsic = self.subtensor.get_block_info(block=block).extrinsics[index].value_serialized
        call = extrinsic["call"]
        return {
            "signer": extrinsic["address"],
            "call": f"{call['call_module']}.{call['call_function']}",
            "arguments": {argument["name"]: argument["value"] for argument in call["call_args"]},
            "isSuccess": found.is_success,
        }

    def commit(self, wallet: str, text: str, blocks: int, block_seconds: float) -> dict:
        """By the SDK's own method, for drand's round of then."""
        done = self.subtensor.set_reveal_commitment(
            self._wallet(wallet), NETUID, text, blocks_until_reveal=blocks, block_time=block_seconds, raise_error=True
        )
        return {"encrypted": f"0x{done.data['encrypted'].hex()}", "revealRound": done.data["reveal_round"]}

    def commit_for_round(self, wallet: str, text: str, round: int) -> dict:
        """As `commit`, which knows no round but those to come by this machine's clock."""
        message = text.encode()
        wrapped, _ = bittensor_drand.encrypt_at_round(compact(len(message)) + message, round)
        ciphertext = bytes(wrapped[2:-8])
        assert wrapped == compact(len(ciphertext)) + ciphertext + round.to_bytes(8, "little")
        publish_metadata_extrinsic(
            subtensor=self.subtensor,
            wallet=self._wallet(wallet),
            netuid=NETUID,
            data_type="TimelockEncrypted",
            data={"encrypted": ciphertext, "reveal_round": round},
            raise_error=True,
        )
        return {"encrypted": f"0x{ciphertext.hex()}", "revealRound": round}

    def pay(self, wallet: str, hotkey: str, destination: str, rao: int) -> dict:
        """A fee: stake on `hotkey`, and exactly the alpha that it made to `destination`; where that is on the chain."""
        payer = self._wallet(wallet)
        before = self.stake(hotkey, payer.coldkeypub.ss58_address)
        self.subtensor.add_stake(payer, NETUID, hotkey, Balance.from_rao(rao), raise_error=True)
        alpha = self.stake(hotkey, payer.coldkeypub.ss58_address) - before
        amount = Balance.from_rao(alpha, netuid=NETUID)
        done = self.subtensor.transfer_stake(payer, destination, hotkey, NETUID, NETUID, amount, raise_error=True)
        block, index = done.extrinsic_receipt.get_extrinsic_identifier().split("-")
        return {"block": int(block), "extrinsicIndex": int(index), "alpha": alpha}

    def _wallet(self, name: str) -> Wallet:
        return Wallet(name=name, hotkey="hotkey", path=self.wallets)


def compact(number: int) -> bytes:
    """SCALE's integer, below 16,384."""
    return bytes([number << 2]) if number < 64 else ((number << 2) | 1).to_bytes(2, "little")


def bytes_of(decoded: str) -> bytes:
    """As the SDK's codec shows bytes: as their text, or as hexadecimal digits where they are none."""
    return bytes.fromhex(decoded[2:]) if decoded.startswith("0x") else decoded.encode()


def text_of(message: bytes) -> str:
    """A SCALE text's own."""
    prefix = 1 if message[0] & 3 == 0 else 2
    assert message[:prefix] == compact(len(message) - prefix)
    return message[prefix:].decode()


def main() -> None:
    # The SDK writes to stdout; answers go where that was.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    endpoint, wallets = sys.argv[1:]
    # It would read them as its own options.
    del sys.argv[1:]
    program = Program(endpoint, wallets)
    for line in sys.stdin:
        asked = json.loads(line)
        answer = getattr(program, asked.pop("do"))(**asked)
        print(json.dumps(answer), file=answers)


main()
