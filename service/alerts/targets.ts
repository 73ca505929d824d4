/** Which addresses a webhook may reach. The service may stand where a person from outside does not (SSRF). */
import { BlockList, isIP } from 'node:net';

/** `public`: addresses of the Internet. `loopback`: this machine as well. `private`: everything. */
export type WebhookTargets = 'public' | 'loopback' | 'private';

/** Says what is wrong with an address. */
export interface TargetGuard {
  /** Why an IP address must not be reached, or `undefined`. */
  addressProblem(address: string): string | undefined;
  /** Why the URL cannot be a webhook's, or `undefined`. A name is judged by its addresses when it is called, too. */
  urlProblem(text: string): string | undefined;
}

/** Special-purpose IPv4 ranges (IANA registry) but for loopback. */
const NOT_PUBLIC_V4 = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24', '192.0.2.0/24'],
  ...['192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/3'],
];
/** Within 2000::/3, outside of which nothing is public: Teredo, ORCHID, documentation, 6to4. */
const NOT_PUBLIC_V6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'];
const URL_LENGTH_MAX = 2_048;

/** A guard for one setting. */
export function createTargetGuard(allowed: WebhookTargets): TargetGuard {
  const closed = blockList(NOT_PUBLIC_V4, 'ipv4');
  const closedV6 = blockList(NOT_PUBLIC_V6, 'ipv6');
  const global = blockList(['2000::/3'], 'ipv6');

  function addressProblem(address: string): string | undefined {
    if (allowed === 'private') return undefined;
    const inner = mappedAddress(address);
    if (isLoopback(inner)) {
      return allowed === 'loopback' ? undefined : 'must not be an address of the service itself';
    }
    const isPublic =
      isIP(inner) === 4 ? !closed.check(inner, 'ipv4') : global.check(inner, 'ipv6') && !closedV6.check(inner, 'ipv6');
    return isPublic ? undefined : 'must not be an address of a private network';
  }

  return {
    addressProblem,
    urlProblem(text) {
      if (text.length > URL_LENGTH_MAX) return `must have at most ${URL_LENGTH_MAX} characters`;
      if (!URL.canParse(text)) return 'must be an absolute URL';
      const url = new URL(text);
      if (url.protocol !== 'http:' && url.protocol !== 'https:') return 'must begin with http:// or https://';
      if (url.username !== '' || url.password !== '') return 'must not carry a user name or a password';
      const host = hostOf(url);
      if (isIP(host) !== 0) return addressProblem(host);
      return /(^|\.)localhost\.?$/i.test(host) ? addressProblem('127.0.0.1') : undefined;
    },
  };
}

/** The host without the brackets of an IPv6 address. The URL parser has written every form of an IPv4 one as four numbers. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1');
}

/** `::ffff:127.0.0.1` reaches 127.0.0.1; so does `::ffff:7f00:1`. */
function mappedAddress(address: string): string {
  if (isIP(address) !== 6) return address;
  const written = new URL(`http://[${address.split('%')[0]}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(written);
  if (mapped === null) return written;
  const [high, low] = [Number.parseInt(mapped[1]!, 16), Number.parseInt(mapped[2]!, 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

function isLoopback(address: string): boolean {
  return address === '::1' || (isIP(address) === 4 && address.startsWith('127.'));
}

function blockList(ranges: readonly string[], family: 'ipv4' | 'ipv6'): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [network = '', bits = ''] = range.split('/');
    list.addSubnet(network, Number(bits), family);
  }
  return list;
}
