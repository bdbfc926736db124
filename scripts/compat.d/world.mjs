// A pairing of programs: a command line and a node of one make, a gateway of the same or the other, and fakes of a model
// and of Telegram, all in directories of their own.
import { once } from 'node:events';
import { mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { join, resolve } from 'node:path';
import { Service, freePort, run, sleep, until } from './process.mjs';

const root = resolve(import.meta.dirname, '../..');
const target = process.env.CARGO_TARGET_DIR ?? join(root, 'target');
const place = join(root, 'target/compat');

/** The program of either make, as the beginning of a command. */
export const PROGRAMS = {
  theirs: [process.execPath, join(place, 'openclaw/node_modules/openclaw/openclaw.mjs')],
  ours: [join(target, 'debug/openclaw')],
};

const TOKEN = 'a-token-for-these-tests-and-no-others';
/** Whoever is in this list may write to the bot. */
const PERSON = 7001;
/** On a machine that has other things to do, everything takes a multiple of its time. */
export const PATIENCE = Number(process.env.COMPAT_PATIENCE ?? 1);
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
/** Their first start takes 13 s on a quiet machine, and they start twice. */
const START_SECONDS = 240 * PATIENCE;
const COMMAND_SECONDS = 90 * PATIENCE;
/** What a gateway says while it starts anew; the same call is good a little later. */
const NOT_YET = /unavailable during gateway (restart|startup)|gateway (is )?(starting|restarting)/i;

/** What the gateway may do with files of a node. */
const FILES = ['file.fetch', 'file.stat', 'file.write', 'dir.list'];

/** A configuration that both gateways read. */
function configuration({ model, telegram, botToken }, port, log, files) {
  const policy = { allowReadPaths: [files, `${files}/**`], allowWritePaths: [`${files}/**`], denyPaths: [`${files}/secret.txt`] };
  return {
    gateway: { mode: 'local', port, bind: 'loopback', auth: { mode: 'token', token: TOKEN },
      nodes: { pairing: { autoApproveLocal: false }, commands: { allow: FILES } } },
    plugins: { entries: { 'file-transfer': { config: { policyVersion: 2, nodes: { 'matrix-node': policy } } } } },
    models: { providers: { local: { baseUrl: model, apiKey: 'none', api: 'openai-completions',
      models: [{ id: 'test-model', name: 'Test', contextWindow: 128000, maxTokens: 8192 }] } } },
    agents: { defaults: { model: { primary: 'local/test-model' } } },
    channels: { telegram: { enabled: true, botToken, apiRoot: telegram, dmPolicy: 'allowlist', allowFrom: [String(PERSON)] } },
    tools: { profile: 'full', toolSearch: false, exec: { security: 'full', ask: 'off' } },
    update: { checkOnStart: false },
    discovery: { mdns: { mode: 'off' } },
    logging: { file: log },
  };
}

/** What the node goes by: a server of tools, and a browser that may see this machine's pages. */
function nodeConfiguration() {
  const say = { command: process.execPath, args: [join(import.meta.dirname, 'tool-server.mjs')] };
  return {
    nodeHost: { mcp: { servers: { matrix: say } } },
    browser: { headless: true, noSandbox: true, executablePath: CHROMIUM, ssrfPolicy: { dangerouslyAllowPrivateNetwork: true } },
  };
}

export class World {
  /** `cli` and `gateway` are each `ours` or `theirs`. */
  constructor(cli, gateway) {
    this.make = { cli, gateway };
    this.name = `${cli}-to-${gateway}`;
    this.dir = join(place, 'run', this.name);
    this.saved = { person: String(PERSON), token: TOKEN };
    this.sent = [];
    this.services = [];
    rmSync(this.dir, { recursive: true, force: true });
    mkdirSync(join(this.dir, 'out'), { recursive: true });
  }

  /** An environment with nothing of this machine's but what a program needs to start. */
  env(home, more) {
    return { HOME: this.home(home), PATH: process.env.PATH, LANG: 'C.UTF-8', TZ: 'UTC', NO_COLOR: '1',
      OPENCLAW_NO_AUTO_UPDATE: '1', OPENCLAW_DISABLE_BONJOUR: '1', ...more };
  }

  /** A home directory by its name: `host` is where the gateway lives, and its owner. */
  home(name) {
    const home = join(this.dir, name);
    mkdirSync(join(home, '.openclaw'), { recursive: true });
    return home;
  }

  /** Writes the configuration of a home. */
  configure(name, config) {
    this.configFile = join(this.home(name), '.openclaw/openclaw.json');
    writeFileSync(this.configFile, JSON.stringify(config, null, 2));
  }

  service(name, argv, { home = name, env, onLine } = {}) {
    const options = { env: this.env(home, env), cwd: this.home(home), log: join(this.dir, `${name}.log`), onLine };
    const service = new Service(name, argv, options);
    this.services.push(service);
    return service;
  }

  /** Fakes, configuration, gateway; returns when the gateway is ready. */
  async begin() {
    const fakes = await this.startFakes();
    this.saved.port = String(await freePort());
    this.saved.url = `ws://127.0.0.1:${this.saved.port}`;
    this.saved.files = this.files();
    this.saved.page = await this.serve('<title>A page for the matrix</title><h1>A page for the matrix</h1>');
    this.configure('node', nodeConfiguration());
    this.configure('host', configuration(fakes, Number(this.saved.port), join(this.dir, 'gateway-file.log'), this.saved.files));
    // Elsewhere there is only the address, as on somebody's laptop.
    this.configure('laptop', { gateway: { mode: 'remote', remote: { url: this.saved.url, token: TOKEN } } });
    await this.startGateway(this.make.gateway);
  }

  /** A folder of the node with a file that may be had, and one that may not. */
  files() {
    const files = join(this.home('node'), 'files');
    mkdirSync(files);
    // No policy follows a link, and target/compat may be one.
    const whole = realpathSync(files);
    writeFileSync(join(files, 'note.txt'), 'of the node\n');
    writeFileSync(join(files, 'secret.txt'), 'nobody\'s business\n');
    return whole;
  }

  /** The address of a page on this machine. */
  async serve(page) {
    this.pages = http.createServer((_, answer) => answer.setHeader('content-type', 'text/html').end(page)).listen(0, '127.0.0.1');
    await once(this.pages, 'listening');
    return `http://127.0.0.1:${this.pages.address().port}/`;
  }

  /** A file of the node has this in it. */
  async expectFile(name, text) {
    const found = readFileSync(join(this.saved.files, name), 'utf8');
    if (found !== text) throw new Error(`${name} has ${JSON.stringify(found)} in it`);
  }

  async startFakes() {
    const lines = [];
    this.fakes = this.service('fakes', [join(target, 'debug/examples/fakes')], {
      onLine: (line) => {
        const message = JSON.parse(line);
        if (message.sent) this.sent.push(message.sent);
        else lines.push(message);
      },
    });
    return until('the fakes', 20, () => lines[0]);
  }

  async startGateway(make) {
    const argv = [...PROGRAMS[make], 'gateway', 'run', '--port', this.saved.port];
    this.gateway = this.service('gateway', argv, { home: 'host' });
    // Theirs starts itself anew after its first start, so that being ready once does not tell much.
    let ready = 0;
    await until(`the gateway (${make})`, START_SECONDS, async () => {
      if (this.gateway.ended) throw new Error(`the gateway (${make}) ended: see ${join(this.dir, 'gateway.log')}`);
      ready = (await this.isReady()) ? ready + 1 : 0;
      return ready >= (make === 'theirs' ? 20 : 1);
    });
  }

  async isReady() {
    const { scheme = 'http', port } = this.saved;
    // Its certificate is its own; whether it is the right one is for the cells to see.
    const asked = (scheme === 'https' ? https : http).get({ host: '127.0.0.1', port, path: '/readyz', rejectUnauthorized: false, agent: false, timeout: 5000 });
    asked.on('timeout', () => asked.destroy(new Error('no answer')));
    try {
      const [answer] = await once(asked, 'response');
      answer.resume();
      return answer.statusCode === 200;
    } catch {
      return false; // Not listening yet, or not any more.
    }
  }

  /** Runs a command of the command line; again while the gateway says that it is starting. */
  async command(argv, { home = 'host', input, make = this.make.cli } = {}) {
    for (let tries = 0; ; tries++) {
      const line = [...PROGRAMS[make], ...argv];
      const result = await run(line, { env: this.env(home), cwd: this.home(home), input, seconds: COMMAND_SECONDS });
      if (tries === 5 || !NOT_YET.test(result.stderr + result.stdout)) return result;
      await sleep(3000);
    }
  }

  /** Starts a node host, or starts it anew. */
  async startNode() {
    await this.node?.stop();
    const argv = ['node', 'run', '--host', '127.0.0.1', '--port', this.saved.port, '--display-name', 'matrix-node'];
    this.node = this.service('node', [...PROGRAMS[this.make.cli], ...argv], { env: { OPENCLAW_GATEWAY_TOKEN: TOKEN } });
  }

  /** Waits until the bot has sent such a message, after those that it had sent before. */
  async expectSent(pattern, before = 0) {
    const heard = () => this.sent.slice(before).find((message) => pattern.test(message.text));
    return until(`${pattern} on Telegram`, COMMAND_SECONDS, heard).catch((error) => {
      const others = this.sent.slice(before).map((message) => message.text);
      throw new Error(`${error.message}, but ${JSON.stringify(others).slice(0, 160)}`);
    });
  }

  /** Somebody writes to the bot; gives its answer. */
  write(text, answer) {
    const before = this.sent.length;
    this.fakes.write(JSON.stringify({ chat: PERSON, from: PERSON, text }));
    return this.expectSent(answer, before);
  }

  /** Runs a command that does not end by itself until it has printed such a line. */
  async follow(argv, pattern) {
    const lines = [];
    const line = [...PROGRAMS[this.make.cli], ...argv];
    const service = this.service('follow', line, { home: 'host', onLine: (text) => lines.push(text) });
    try {
      return await until(`a line like ${pattern}`, COMMAND_SECONDS, () => lines.find((text) => pattern.test(text)));
    } finally {
      await service.stop();
    }
  }

  /** Stops the gateway and starts one of this make in its place: same home, same configuration. */
  async replaceGateway(make) {
    await this.gateway.stop(30);
    await this.startGateway(make);
  }

  async end() {
    for (const service of this.services.reverse()) await service.stop();
    this.pages?.closeAllConnections();
    this.pages?.close();
  }
}
