// The cells of the matrix, in the order in which they run: a day with a gateway. A new one is one line.
//
//   name   what it is called in the table
//   before something to be done first, once; what it throws is the difference
//   run    the command after `openclaw`; words in '…' keep their spaces; {name} stands for what an earlier cell saved
//   act    instead of `run`: something else to be done; what it throws is the difference
//   then   after `run`: something else that must be so; likewise
//   json   JSON pointer → what must be there: a value, a pattern, or a test
//   out    a pattern that what was printed must have
//   exit   the exit code, where it is not 0
//   fails  it must fail, whatever its exit code, and print what has this pattern
//   save   name → JSON pointer into what was printed
//   retry  seconds: what is wrong now may be right by then
//   home   whose configuration: `host` (the gateway's own, by default) or `laptop` (gateway.mode: remote)
//   input  standard input
//   only   the pairings in which the cell makes sense, `cli-to-gateway`
//   why    pairing → { fails: a pattern of how it fails, because: why }, where that is known; another failure is one, and so is none

import { tlsOff, tlsOn } from './tls.mjs';
import { closeTunnel, openTunnel } from './tunnel.mjs';
import { PROGRAMS } from './world.mjs';

const some = (value) => value !== undefined && value !== null && value !== '';
const filled = (value) => Array.isArray(value) && value.length > 0;
/** Something that has this in it, wherever. */
const has = (text) => (value) => JSON.stringify(value).includes(text);
/** A line of a log begins with its time. */
const TIMED = /\d\d:\d\d:\d\d/;
const TELEGRAM = '--channel telegram --target {person}';
/** What the fake model takes as the order to call a tool. */
const onNode = (text) => `TOOL:exec {"command":"echo ${text}","host":"node","node":"matrix-node"}`;

const base64 = (text) => Buffer.from(text).toString('base64');
const invoke = (command, params) => `nodes invoke --node matrix-node --command ${command} --params '${params}' --json`;
const agent = (call) => `agent --session-key agent:main:main --message 'TOOL:${call}' --json`;

const HOURLY = "--name matrix-job --every 1h --message 'hello job' --session isolated";
const swapped = ['theirs-to-ours'];
const ownDatabase = {
  'theirs-to-ours': {
    fails: /Session store: |^\/sessions\/0\/key: nothing/,
    because: 'their command line opens the database of its own gateway and asks no gateway; `gateway call sessions.list` asks',
  },
};

const noAdmin = {
  'ours-to-theirs': {
    fails: /tool said: [^]*status[^]*error/,
    because: 'our command line asks for operator.write when it begins a turn, and their gateway lets a turn drive a browser only where whoever began it has operator.admin',
  },
};

export const PAIRS = ['theirs-to-theirs', 'theirs-to-ours', 'ours-to-theirs'];

/** @type {Array<Record<string, any>>} */
export const CELLS = [
  { group: 'Is it there' },
  { name: 'gateway health', run: 'gateway health --json', json: { '/ok': true } },
  { name: 'gateway health --url', run: 'gateway health --url {url} --token {token} --json', json: { '/ok': true } },
  { name: 'gateway call', run: 'gateway call status --json', json: { '/runtimeVersion': some, '/sessions/count': (n) => n >= 0 } },
  { name: 'gateway call, params', run: `gateway call sessions.list --params '{"limit":1}' --json`, json: { '/sessions': Array.isArray } },
  { name: 'gateway call, unknown', run: 'gateway call no.such.method --json', exit: 1 },
  { name: 'gateway probe', run: 'gateway probe --json', json: { '/ok': true } },
  { name: 'gateway status', run: 'gateway status --json', json: { '/rpc/ok': true } },
  { name: 'gateway status, text', run: 'gateway status --require-rpc', out: /127\.0\.0\.1/ },
  { name: 'health', run: 'health --json', json: { '/ok': true, '/channels/telegram/configured': true, '/agents/0/agentId': 'main' } },
  { name: 'health, text', run: 'health', out: /telegram/i },
  { name: 'health --verbose', run: 'health --verbose', out: /telegram/i },
  { name: 'status', run: 'status', out: /sessions/i },
  { name: 'status --json', run: 'status --json', json: { '': has('"sessions"') } },
  { name: 'status --deep', run: 'status --deep', out: /telegram/i },
  { name: 'status --all', run: 'status --all', out: /gateway/i },
  { name: 'health, from a laptop', run: 'health --json', home: 'laptop', json: { '/ok': true } },
  { name: 'logs', run: 'logs --limit 20 --plain', out: TIMED },
  { name: 'logs --json', run: 'logs --limit 5 --json', json: { '/type': 'meta', '/file': some } },
  { name: 'logs --follow', act: (world) => world.follow(['logs', '--follow', '--plain'], TIMED) },
  { name: 'channels status', run: 'channels status --json', json: { '/channels/telegram/configured': true } },
  { name: 'models list', run: 'models list --json', json: { '': has('test-model') } },

  { group: 'The agent' },
  { name: 'agent', run: "agent --message 'good morning' --session-key agent:main:main --json", json: { '/result/payloads/0/text': /echo: [^]*good morning/ } },
  { name: 'agent, text', run: "agent --agent main --message 'good evening'", out: /echo: [^]*good evening/ },
  { name: 'agent, from a laptop', run: "agent --agent main --message 'from afar' --json", home: 'laptop', json: { '/result/payloads/0/text': /echo: [^]*from afar/ } },
  { name: 'sessions', run: 'sessions', out: /agent:main:main/, why: ownDatabase },
  { name: 'sessions --json', run: 'sessions --json', json: { '/sessions/0/key': /^agent:main:/ }, why: ownDatabase },
  { name: 'sessions.create', run: `gateway call sessions.create --params '{"key":"agent:main:matrix-scratch","label":"matrix scratch"}' --json`, json: { '/key': 'agent:main:matrix-scratch', '/sessionId': some } },
  { name: 'sessions archive', run: 'sessions archive agent:main:matrix-scratch --json', json: { '/ok': true, '/results/0/status': 'archived' } },
  { name: 'sessions delete', run: 'sessions delete agent:main:matrix-scratch --yes --json', json: { '/ok': true, '/results/0/status': 'deleted' } },
  { name: 'sessions compact', run: 'sessions compact agent:main:main --max-lines 2 --json', json: { '/ok': true, '/key': 'agent:main:main' } },
  { name: 'gateway usage-cost', run: 'gateway usage-cost --days 2 --json', json: { '/days': 2, '/totals/totalTokens': (n) => n >= 0 } },
  { name: 'sessions, by call', run: 'gateway call sessions.list --json', json: { '/sessions/0/key': /^agent:main:/ } },
  { name: 'agents list', run: 'agents list --json', json: { '/0/id': 'main' } },
  { name: 'Telegram → agent → Telegram', act: (world) => world.write('ahoy', /ahoy/) },
  { name: 'message send', run: `message send ${TELEGRAM} --message 'a note' --json`, json: { '': some }, then: (world) => world.expectSent(/^a note$/) },

  { group: 'A node' },
  { name: 'devices list, waiting', before: (world) => world.startNode(), run: 'devices list --json', retry: 180, json: { '/pending/0/requestId': some }, save: { request: '/pending/0/requestId' } },
  { name: 'devices approve', run: 'devices approve {request} --json', json: { '': has('deviceId') } },
  { name: 'nodes pending', before: (world) => world.startNode(), run: 'nodes pending --json', retry: 180, json: { '/0/requestId': some }, save: { request: '/0/requestId' } },
  { name: 'nodes pending, text', run: 'nodes pending', out: /matrix-node/ },
  { name: 'nodes approve', run: 'nodes approve {request} --json', json: { '': has('nodeId') } },
  { name: 'nodes list', run: 'nodes list --json', json: { '/paired/0/nodeId': some }, save: { node: '/paired/0/nodeId' } },
  { name: 'nodes list, text', run: 'nodes list', out: /matrix-node/ },
  { name: 'nodes status', run: 'nodes status --json', json: { '/nodes/0/connected': true, '/nodes/0/commands': filled } },
  { name: 'nodes status, text', run: 'nodes status', out: /connected/ },
  { name: 'nodes describe', run: 'nodes describe --node matrix-node --json', json: { '/nodeId': some, '/commands': (list) => list?.includes('system.run') } },
  { name: 'nodes invoke', run: `nodes invoke --node matrix-node --command system.which --params '{"bins":["sh"]}' --json`, json: { '/payload/bins/sh': /sh$/ } },
  { name: 'the agent runs a command on it', run: `agent --session-key agent:main:main --message '${onNode('hello-from-node')}' --json`, json: { '/result/payloads/0/text': /tool said: [^]*hello-from-node/ } },
  { name: 'Telegram → agent → node → Telegram', act: (world) => world.write(onNode('from-afar'), /tool said: [^]*from-afar/) },
  { name: 'approvals get --node', run: 'approvals get --node matrix-node --json', json: { '/file/version': 1 } },
  { name: 'nodes invoke, a file', run: invoke('file.fetch', '{"path":"{files}/note.txt"}'), json: { '/payload/ok': true, '/payload/base64': base64('of the node\n') } },
  { name: 'nodes invoke, what a file is', run: invoke('file.stat', '{"path":"{files}/note.txt"}'), json: { '/payload/ok': true, '/payload/size': 12 } },
  { name: 'nodes invoke, a folder', run: invoke('dir.list', '{"path":"{files}"}'), json: { '/payload/ok': true, '': has('note.txt') } },
  { name: 'nodes invoke, writing a file', run: invoke('file.write', `{"path":"{files}/new.txt","contentBase64":"${base64('new\n')}"}`), json: { '/payload/ok': true }, then: (world) => world.expectFile('new.txt', 'new\n') },
  { name: 'nodes invoke, a file that the policy does not name', run: invoke('file.fetch', '{"path":"/etc/hostname"}'), fails: /polic|not allowed|denied/i },
  { name: 'nodes invoke, a file that the policy denies', run: invoke('file.fetch', '{"path":"{files}/secret.txt"}'), fails: /polic|not allowed|denied/i },
  { name: 'the agent fetches a file of it', run: agent('file_fetch {"node":"matrix-node","path":"{files}/note.txt"}'), json: { '/result/payloads/0/text': /tool said: [^]*of the node/ } },
  { name: 'the agent lists a folder of it', run: agent('dir_list {"node":"matrix-node","path":"{files}"}'), json: { '/result/payloads/0/text': /tool said: [^]*note\.txt/ } },
  { name: 'the agent uses a tool that it lends', run: agent('matrix_say {"text":"hello tools"}'), json: { '/result/payloads/0/text': /tool said: [^]*said hello tools/ } },
  { name: 'the agent opens a page in its browser', run: agent('browser {"action":"open","target":"node","node":"matrix-node","url":"{page}"}'), json: { '/result/payloads/0/text': /tool said: [^]*127\.0\.0\.1/ }, why: noAdmin },
  { name: 'the agent reads that page', run: agent('browser {"action":"snapshot","target":"node","node":"matrix-node"}'), json: { '/result/payloads/0/text': /tool said: [^]*A page for the matrix/ }, why: noAdmin },
  { name: 'nodes rename', run: 'nodes rename --node matrix-node --name kitchen --json', json: { '': has('kitchen') } },
  { name: 'nodes describe, new name', run: 'nodes describe --node kitchen --json', json: { '/displayName': 'kitchen' } },
  { name: 'devices list', run: 'devices list --json', json: { '/paired': filled } },
  { name: 'devices list, text', run: 'devices list', out: /node/ },
  { name: 'devices rotate', run: 'devices rotate --device {node} --role node --json', json: { '/role': 'node' } },
  { name: 'devices revoke', run: 'devices revoke --device {node} --role node --json', json: { '/role': 'node' } },
  { name: 'nodes status, revoked', run: 'nodes status --json', retry: 60, json: { '/nodes': (nodes) => Array.isArray(nodes) && !nodes.some((node) => node.connected) } },

  { group: 'Automations and approvals' },
  { name: 'cron add', run: `cron add ${HOURLY} --no-deliver --json`, json: { '/id': some }, save: { job: '/id' } },
  { name: 'cron list', run: 'cron list --json', json: { '/jobs': (jobs) => jobs?.some((each) => each.name === 'matrix-job') } },
  { name: 'cron list, text', run: 'cron list', out: /matrix-job/ },
  { name: 'cron run', run: 'cron run {job} --wait --wait-timeout 60s --json', json: { '/ok': true } },
  { name: 'cron runs', run: 'cron runs --id {job} --json', json: { '/entries/0/status': 'ok' } },
  { name: 'cron rm', run: 'cron rm {job} --json', json: { '/ok': true } },
  { name: 'cron status', run: 'cron status --json', json: { '/enabled': true } },
  { name: 'approvals get', run: 'approvals get --gateway --json', json: { '/file/version': 1 } },
  { name: 'approvals set', run: 'approvals set --gateway --stdin --json', input: '{ version: 1, defaults: { security: "full", ask: "off" } }', json: { '/file/defaults/security': 'full' } },
  { name: 'system heartbeat last', run: 'system heartbeat last --json' },
  { name: 'system presence', run: 'system presence --json', json: { '': filled } },

  { group: 'Configuration' },
  { name: 'config get', run: 'config get agents.defaults.model.primary', out: /local\/test-model/ },
  { name: 'config set', run: 'config set messages.ackReaction 👀', out: /./ },
  { name: 'config get, what was set', run: 'config get messages.ackReaction', out: /👀/ },
  { name: 'config validate', run: 'config validate' },
  { name: 'config get, from a laptop', run: 'config get gateway.mode', home: 'laptop', out: /remote/ },
  { name: 'config set, from a laptop', run: 'config set messages.ackReaction 🦀', home: 'laptop', out: /./ },
  { name: 'config get, what was set on a laptop', run: 'config get messages.ackReaction', home: 'laptop', out: /🦀/ },
  { name: 'config.get by call', run: 'gateway call config.get --json', home: 'laptop', json: { '/config/messages/ackReaction': '👀', '/hash': some } },

  { group: 'Through our tunnel over ssh' },
  { name: 'the tunnel opens', act: (world) => openTunnel(world, PROGRAMS.ours) },
  { name: 'gateway health, through the tunnel', run: 'gateway health --url {tunnel} --token {token} --json', json: { '/ok': true } },
  { name: 'gateway call, through the tunnel', run: 'gateway call status --url {tunnel} --token {token} --json', json: { '/runtimeVersion': some } },
  { name: 'health, through the tunnel', run: 'health --json', home: 'laptop-with-tunnel', json: { '/ok': true } },
  { name: 'status --deep, through the tunnel', run: 'status --deep', home: 'laptop-with-tunnel', out: /telegram/i },
  { name: 'agent, through the tunnel', run: "agent --agent main --message 'through a tunnel' --json", home: 'laptop-with-tunnel', json: { '/result/payloads/0/text': /echo: [^]*through a tunnel/ } },
  { name: 'the tunnel closes', act: (world) => closeTunnel(world) },

  { group: 'Over TLS, with a pinned certificate' },
  { name: 'the gateway speaks TLS', act: tlsOn },
  { name: 'gateway health, right pin', run: 'gateway health --json', home: 'laptop-with-pin', json: { '/ok': true } },
  { name: 'gateway health, wrong pin', run: 'gateway health --json', home: 'laptop-with-wrong-pin', fails: /fingerprint|certificate/i },
  { name: 'health, right pin', run: 'health --json', home: 'laptop-with-pin', json: { '/ok': true } },
  { name: 'agent, right pin', run: "agent --agent main --message 'over TLS' --json", home: 'laptop-with-pin', json: { '/result/payloads/0/text': /echo: [^]*over TLS/ } },
  { name: 'the gateway speaks plainly again', act: tlsOff },

  { group: 'One home, one gateway after the other' },
  { name: 'their gateway in place of ours', act: (world) => world.replaceGateway('theirs'), only: swapped },
  { name: 'health, theirs in place of ours', run: 'health --json', json: { '/ok': true }, only: swapped },
  { name: 'our gateway in place of theirs', act: (world) => world.replaceGateway('ours'), only: swapped },
  { name: 'health, ours again', run: 'health --json', json: { '/ok': true, '/sessions/count': (n) => n > 0 }, only: swapped },
];
