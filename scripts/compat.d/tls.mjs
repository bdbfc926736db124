// The gateway of a pairing with TLS on: restarted with a certificate that it makes itself, and laptops that pin it.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:tls';
import { join } from 'node:path';

const SECONDS = 10;

/** The SHA-256 of the certificate that is shown at a port, as hex. Nothing about it is believed. */
async function fingerprint(port) {
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, timeout: SECONDS * 1000 });
  try {
    await once(socket, 'secureConnect', { signal: AbortSignal.timeout(SECONDS * 1000) });
    return socket.getPeerCertificate().fingerprint256.replaceAll(':', '').toLowerCase();
  } finally {
    socket.destroy();
  }
}

/** A pin of the same shape that is of no certificate. */
const otherThan = (pin) => pin.replace(/^./, (digit) => (digit === '0' ? '1' : '0'));

async function restart(world, tls) {
  const file = join(world.home('host'), '.openclaw/openclaw.json');
  const config = JSON.parse(readFileSync(file, 'utf8'));
  await world.gateway.stop(30);
  world.saved.scheme = tls ? 'https' : 'http';
  world.configure('host', { ...config, gateway: { ...config.gateway, tls: { enabled: tls, autoGenerate: tls } } });
  await world.startGateway(world.make.gateway);
}

/** TLS on. `laptop-with-pin` and `laptop-with-wrong-pin` are then homes that know its address and such a pin. */
export async function tlsOn(world) {
  await restart(world, true);
  const { port, token } = world.saved;
  const pin = await fingerprint(Number(port));
  world.saved.wss = `wss://127.0.0.1:${port}`;
  world.saved.pin = pin;
  for (const [home, tlsFingerprint] of [['laptop-with-pin', `sha256:${pin}`], ['laptop-with-wrong-pin', `sha256:${otherThan(pin)}`]]) {
    world.configure(home, { gateway: { mode: 'remote', remote: { url: world.saved.wss, token, tlsFingerprint } } });
  }
}

export const tlsOff = (world) => restart(world, false);
