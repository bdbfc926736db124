// A tunnel of ours to the gateway of a pairing, over a real sshd with keys and a configuration of its own. Nothing of the
// host's sshd and of anybody's ~/.ssh is read or changed.
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { freePort, run, until } from './process.mjs';

const SSHD = '/usr/sbin/sshd';
/** sshd starts at once; the tunnel stands when the gateway has answered through it. */
const SECONDS = 60;

/** Opens it. `laptop-with-tunnel` is then a home that knows the tunnel's port here and nothing of the tunnel. */
export async function openTunnel(world, ours) {
  if (!existsSync(SSHD)) throw new Error(`${SSHD} is missing: install openssh-server`);
  const dir = join(world.dir, 'ssh');
  mkdirSync(join(dir, 'bin'), { recursive: true });
  // As root, sshd insists on this directory.
  if (process.getuid() === 0) mkdirSync('/run/sshd', { recursive: true });
  for (const name of ['host_key', 'id']) {
    rmSync(join(dir, name), { force: true });
    const made = await run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', join(dir, name)], { env: world.env('ssh'), cwd: dir, seconds: SECONDS });
    if (made.code !== 0) throw new Error(`ssh-keygen: ${made.stderr}`);
  }
  const sshPort = await freePort();
  writeFileSync(join(dir, 'sshd_config'), `Port ${sshPort}\nListenAddress 127.0.0.1\nHostKey ${dir}/host_key\nAuthorizedKeysFile ${dir}/id.pub\n` +
    'StrictModes no\nPidFile none\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n');
  const hostKey = readFileSync(join(dir, 'host_key.pub'), 'utf8').split(' ').slice(0, 2).join(' ');
  writeFileSync(join(dir, 'known_hosts'), `[127.0.0.1]:${sshPort} ${hostKey}\n`);
  writeFileSync(join(dir, 'ssh_config'), `UserKnownHostsFile ${dir}/known_hosts\nGlobalKnownHostsFile /dev/null\nIdentityAgent none\n`);
  // ssh finds ~ by the system's list of users and not by HOME.
  writeFileSync(join(dir, 'bin/ssh'), `#!/bin/sh\nexec /usr/bin/ssh -F '${dir}/ssh_config' "$@"\n`);
  chmodSync(join(dir, 'bin/ssh'), 0o755);
  world.sshd = world.service('sshd', [SSHD, '-D', '-e', '-f', join(dir, 'sshd_config')]);

  const port = await freePort();
  const url = `ws://127.0.0.1:${port}`;
  world.saved.tunnel = url;
  const { token } = world.saved;
  const remote = { sshTarget: `${userInfo().username}@127.0.0.1:${sshPort}`, sshIdentity: join(dir, 'id'), remotePort: Number(world.saved.port), url, token };
  world.configure('tunnel', { gateway: { mode: 'remote', remote } });
  world.configure('laptop-with-tunnel', { gateway: { mode: 'remote', remote: { url, token } } });
  const env = { PATH: `${join(dir, 'bin')}:${process.env.PATH}` };
  world.tunnel = world.service('tunnel', [...ours, 'remote', 'up', '--foreground'], { env });
  await until('the tunnel', SECONDS, async () => {
    if (world.tunnel.ended) throw new Error(`the tunnel ended: see ${join(world.dir, 'tunnel.log')}`);
    const answer = await fetch(`http://127.0.0.1:${port}/healthz`, { signal: AbortSignal.timeout(2000) }).catch(() => null);
    return answer?.ok;
  });
}

/** Closes it; its port is closed from then on. */
export async function closeTunnel(world) {
  const port = new URL(world.saved.tunnel).port;
  await world.tunnel.stop();
  await world.sshd.stop();
  const answer = await fetch(`http://127.0.0.1:${port}/healthz`, { signal: AbortSignal.timeout(2000) }).catch(() => null);
  if (answer) throw new Error('something still answers at the port of the tunnel');
}
