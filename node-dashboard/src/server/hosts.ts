import { BlockList, isIP } from 'node:net';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { DashboardConfig } from './config.ts';
import { MisdirectedError } from './errors.ts';

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** Whether only programs on this machine reach this host: `localhost`, a name below it, or a loopback address. */
export function isLoopback(host: string): boolean {
  switch (isIP(host)) {
    case 4:
      return LOOPBACK.check(host, 'ipv4');
    case 6:
      return LOOPBACK.check(host, 'ipv6');
    default:
      return host === 'localhost' || host.endsWith('.localhost');
  }
}

/**
 * The host of a `Host` header (RFC 9110, section 7.2) in the one form in which hosts are compared: lower case, without
 * port, brackets and the dot of a complete name. Null for what is no host.
 */
export function hostOf(header: string): string | null {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^\s:/@[\]]+?)\.?)(?::\d{1,5})?$/.exec(header.toLowerCase());
  return match === null ? null : normalized(match[1] ?? match[2] ?? '');
}

/**
 * A host name or address as the configuration writes it, in the form of `hostOf`; null when it is neither, or has
 * something more, such as a port.
 */
export function configuredHost(text: string): string | null {
  const name = text.toLowerCase();
  const address = name.replace(/^\[(.*)\]$/, '$1');
  const isName = /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?$/.test(name);
  if (isIP(address) !== 0) {
    // The zone of an address (`fe80::1%eth0`) is this machine's own name for a link, and no part of a host.
    return address.includes('%') ? null : normalized(address);
  }
  return isName ? normalized(name.replace(/\.$/, '')) : null;
}

/** IPv6 addresses can be written in many ways, and IPv4 ones within IPv6. */
function normalized(host: string): string {
  if (isIP(host) !== 6) {
    return host;
  }
  const short = new URL(`http://[${host}]/`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(short);
  if (mapped === null) {
    return short;
  }
  const [high = 0, low = 0] = mapped.slice(1).map((part) => parseInt(part, 16));
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

/**
 * Answers only requests that name a host of this dashboard. A page of somebody else can have its own name resolve to
 * this machine (DNS rebinding) and would then be allowed to read everything here; but its requests carry its name.
 */
export function checkHosts(app: FastifyInstance, { host, allowedHosts }: DashboardConfig): void {
  const allowed = new Set([host, ...allowedHosts].flatMap((name) => configuredHost(name) ?? []));
  app.addHook('onRequest', (request, _, done) => {
    const { host: header } = request.headers;
    // Only clients of HTTP/1.0 may leave it out, and no browser does.
    if (header !== undefined && !isOurs(hostOf(header), request, allowed)) {
      throw new MisdirectedError(
        `this dashboard does not answer to the host ${JSON.stringify(header)}: add it to dashboard.allowed_hosts ` +
          'in freshet.toml, or open the dashboard by its own address',
      );
    }
    done();
  });
}

function isOurs(name: string | null, { socket }: FastifyRequest, allowed: ReadonlySet<string>): boolean {
  if (name === null) {
    return false;
  }
  // Where it listens on every address, it is known by the one at which the request has arrived.
  const arrivedAt = configuredHost((socket.localAddress ?? '').replace(/%.*$/, ''));
  return isLoopback(name) || allowed.has(name) || name === arrivedAt;
}
