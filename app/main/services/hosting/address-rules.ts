/** Which addresses the validator does not fetch from: those that lead into a network instead of out to the internet. */
import { BlockList } from "node:net";

/** IANA's special IPv4 addresses that are reachable from nowhere else. */
const RANGES: readonly (readonly [subnet: string, what: string])[] = [
  ["0.0.0.0/8", "of this network"],
  ["10.0.0.0/8", "of a private network"],
  ["100.64.0.0/10", "of a provider's network, where clouds keep their metadata"],
  ["127.0.0.0/8", "of the machine itself"],
  ["169.254.0.0/16", "link-local, where clouds keep their metadata"],
  ["172.16.0.0/12", "of a private network"],
  ["192.0.0.0/24", "reserved"],
  ["192.0.2.0/24", "reserved for examples"],
  ["192.88.99.0/24", "reserved"],
  ["192.168.0.0/16", "of a private network"],
  ["198.18.0.0/15", "reserved for tests of networks"],
  ["198.51.100.0/24", "reserved for examples"],
  ["203.0.113.0/24", "reserved for examples"],
  ["224.0.0.0/4", "of a group of machines"],
  ["240.0.0.0/4", "reserved"],
];

const LISTS = RANGES.map(([subnet, what]) => {
  const [network = "", prefix] = subnet.split("/");
  const list = new BlockList();
  list.addSubnet(network, Number(prefix), "ipv4");
  return { list, what };
});

/** Why nothing is fetched from an IPv4 address, in words that follow "is"; null where it may be. */
export function refusedRange(address: string): string | null {
  return LISTS.find(({ list }) => list.check(address, "ipv4"))?.what ?? null;
}
