// Programs as child processes: each in a process group of its own, ended by that handle, and none without a deadline.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export { sleep };

/** What runs; ended with this program, however it ends. */
const running = new Set();
process.on('exit', () => running.forEach((child) => signal(child, 'SIGKILL')));
for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => process.exit(130));

function start(argv, { env, cwd, stdio }) {
  const child = spawn(argv[0], argv.slice(1), { env, cwd, stdio, detached: true });
  running.add(child);
  return child;
}

function signal(child, name) {
  try {
    process.kill(-child.pid, name);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

/** Runs to the end: `{ code, stdout, stderr, late }`. `late` says that it did not end within `seconds`. */
export async function run(argv, { env, cwd, input = '', seconds }) {
  const child = start(argv, { env, cwd, stdio: 'pipe' });
  const result = { code: null, stdout: '', stderr: '', late: false };
  child.stdout.setEncoding('utf8').on('data', (text) => (result.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (result.stderr += text));
  // It may end without reading; its exit code tells more than a broken pipe.
  child.stdin.on('error', () => {}).end(input);
  const deadline = setTimeout(() => ((result.late = true), signal(child, 'SIGKILL')), seconds * 1000);
  [result.code] = await once(child, 'close');
  clearTimeout(deadline);
  running.delete(child);
  return result;
}

/** A program that stays up. Its output goes to `log`; with `onLine`, standard output goes there line by line. */
export class Service {
  constructor(name, argv, { env, cwd, log, onLine }) {
    this.name = name;
    this.child = start(argv, { env, cwd, stdio: 'pipe' });
    this.closed = once(this.child, 'close');
    const file = createWriteStream(log, { flags: 'a' });
    this.child.stderr.pipe(file, { end: false });
    if (onLine) createInterface({ input: this.child.stdout }).on('line', onLine);
    else this.child.stdout.pipe(file, { end: false });
    this.closed.then(() => file.end());
  }

  get ended() {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  write(line) {
    this.child.stdin.write(`${line}\n`);
  }

  /** Asks it to end, and ends it and what it started if it has not within `seconds`. */
  async stop(seconds = 10) {
    this.child.stdin.end();
    if (!this.ended) signal(this.child, 'SIGTERM');
    await Promise.race([this.closed, sleep(seconds * 1000, null, { ref: false })]);
    signal(this.child, 'SIGKILL');
    await this.closed;
    running.delete(this.child);
  }
}

/** Looks every quarter of a second until `look` gives something true, for at most `seconds`. */
export async function until(what, seconds, look) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(250)) {
    const found = await look();
    if (found) return found;
  }
  throw new Error(`${what}: not within ${seconds} s`);
}

/** A port of 127.0.0.1 that is free now. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
