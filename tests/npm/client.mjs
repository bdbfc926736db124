// npm's gateway client against a running gateway: an operator and a node are paired, the operator chats, runs the agent
// and calls the node. Ends with exit code 0 and the line "done", or with what went wrong.
//
// From the environment: GATEWAY_URL, GATEWAY_TOKEN, and GATEWAY_APPROVES: `silently` where devices on this host are let
// in by themselves, `asked` where an operator has to approve each.
import assert from "node:assert/strict";
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { GatewayClient } from "@openclaw/gateway-client";

const { GATEWAY_URL: url, GATEWAY_TOKEN: token, GATEWAY_APPROVES: approves } = process.env;
const OPERATOR_SCOPES = ["operator.admin", "operator.approvals", "operator.pairing", "operator.read", "operator.write"];
const PATIENCE_MS = 20_000;

// Nothing waits longer than this; the process would otherwise live as long as its sockets.
setTimeout(() => fail(new Error("not done within 60 s")), 60_000).unref();
process.on("unhandledRejection", fail);

function fail(error) {
  console.error(error);
  process.exit(1);
}

function step(name) {
  console.log(`ok ${name}`);
}

// A device: its key, and the tokens that it was given, by role.
class Device {
  constructor() {
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    const raw = rawKey(publicKey);
    this.tokens = new Map();
    this.identity = {
      deviceId: createHash("sha256").update(raw).digest("hex"),
      privateKeyPem: privateKey.export({ type: "pkcs8", format: "pem" }),
      publicKeyPem: publicKey.export({ type: "spki", format: "pem" }),
    };
    this.deps = {
      signDevicePayload: (pem, payload) => sign(null, Buffer.from(payload), createPrivateKey(pem)).toString("base64url"),
      publicKeyRawBase64UrlFromPem: (pem) => rawKey(createPublicKey(pem)).toString("base64url"),
      loadDeviceAuthToken: ({ role }) => this.tokens.get(role) ?? null,
      storeDeviceAuthToken: ({ role, token, scopes }) => void this.tokens.set(role, { token, scopes }),
      clearDeviceAuthToken: ({ role }) => void this.tokens.delete(role),
    };
  }
}

function rawKey(publicKey) {
  return publicKey.export({ type: "spki", format: "der" }).subarray(-32);
}

// A connection; its events can be waited for, also those that came before.
class Peer {
  events = [];
  #waiting = new Set();

  static connect(options, onEvent) {
    const peer = new Peer();
    return new Promise((resolve, reject) => {
      const client = new GatewayClient({
        url,
        platform: "linux",
        minProtocol: 4,
        maxProtocol: 4,
        ...options,
        onHelloOk: (hello) => resolve(Object.assign(peer, { hello })),
        onConnectError: (error) => {
          // First, because stopping is reported as an error of its own.
          reject(error);
          client.stop();
        },
        onEvent: (event) => {
          peer.#heard(event);
          onEvent?.(event, peer);
        },
      });
      peer.client = client;
      client.start();
    });
  }

  #heard(event) {
    this.events.push(event);
    for (const look of this.#waiting) look(event);
  }

  waitFor(what, matches) {
    const earlier = this.events.find(matches);
    if (earlier) return Promise.resolve(earlier);
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`no event: ${what}`)), PATIENCE_MS);
      const look = (event) => {
        if (!matches(event)) return;
        clearTimeout(late);
        this.#waiting.delete(look);
        resolve(event);
      };
      this.#waiting.add(look);
    });
  }

  request(method, params, options) {
    return this.client.request(method, params, { timeoutMs: PATIENCE_MS, ...options });
  }

  async stop() {
    await this.client.stopAndWait();
  }
}

// Connects a device; where it has to be approved, the administrator does so after the gateway has asked.
async function pair(admin, device, options, onEvent) {
  const connect = () =>
    Peer.connect({ token, deviceIdentity: device.identity, hostDeps: device.deps, ...options }, onEvent);
  if (approves === "silently") return connect();
  const refusal = await connect().then(
    () => assert.fail("a device that nobody approved was let in"),
    (error) => error,
  );
  assert.equal(refusal.details?.code, "PAIRING_REQUIRED", String(refusal));
  const { requestId } = refusal.details;
  const mine = (event) => event.event === "device.pair.requested" && event.payload.requestId === requestId;
  await admin.waitFor("device.pair.requested", mine);
  await admin.request("device.pair.approve", { requestId });
  return connect();
}

async function operator(admin) {
  const device = new Device();
  const options = { clientName: "gateway-client", mode: "backend", role: "operator", scopes: OPERATOR_SCOPES };
  const first = await pair(admin, device, options);
  assert.equal(first.hello.protocol, 4);
  assert.deepEqual([...first.hello.auth.scopes].sort(), OPERATOR_SCOPES);
  assert.ok(device.tokens.get("operator")?.token, "no device token");
  await first.stop();
  step("operator paired");
  // From here on the device's own token is enough.
  const again = await Peer.connect({ ...options, deviceIdentity: device.identity, hostDeps: device.deps });
  assert.equal((await again.request("health", {})).ok, true);
  step("operator connected with its device token");
  return again;
}

async function node(admin) {
  const device = new Device();
  const options = {
    clientName: "node-host",
    clientDisplayName: "npm node",
    mode: "node",
    role: "node",
    scopes: [],
    caps: ["system"],
    commands: ["system.which"],
  };
  const peer = await pair(admin, device, options, answerInvoke);
  step("node paired");
  const mine = ({ event, payload }) => event === "node.pair.requested" && payload.nodeId === device.identity.deviceId;
  const { payload } = await admin.waitFor("node.pair.requested", mine);
  await admin.request("node.pair.approve", { requestId: payload.requestId });
  step("node approved");
  return { peer, nodeId: device.identity.deviceId };
}

// The node's side of a call.
function answerInvoke(event, peer) {
  if (event.event !== "node.invoke.request") return;
  const { id, nodeId, command, paramsJSON } = event.payload;
  assert.equal(command, "system.which");
  const bins = Object.fromEntries(JSON.parse(paramsJSON).bins.map((bin) => [bin, `/from/npm/${bin}`]));
  peer.request("node.invoke.result", { id, nodeId, ok: true, payloadJSON: JSON.stringify({ bins }) }).catch(fail);
}

async function invokes(operator, nodeId) {
  const answer = await operator.request("node.invoke", {
    nodeId,
    command: "system.which",
    params: { bins: ["sh"] },
    timeoutMs: PATIENCE_MS,
    idempotencyKey: randomUUID(),
  });
  assert.equal(answer.ok, true);
  assert.equal(answer.payload.bins.sh, "/from/npm/sh");
  step("operator called the node");
  const refused = { nodeId, command: "system.run", params: {}, idempotencyKey: randomUUID() };
  await assert.rejects(operator.request("node.invoke", refused), { gatewayCode: "INVALID_REQUEST" });
  step("a command that the node did not declare is refused");
}

async function chats(operator) {
  const started = await operator.request("chat.send", {
    sessionKey: "agent:main:main",
    message: "hello from npm",
    idempotencyKey: randomUUID(),
  });
  assert.equal(started.status, "started");
  const ours = ({ event, payload }) => event === "chat" && payload.runId === started.runId && payload.state === "final";
  const { payload } = await operator.waitFor("chat final", ours);
  assert.equal(payload.message.content[0].text, "echo: hello from npm");
  const history = await operator.request("chat.history", { sessionKey: "agent:main:main" });
  assert.deepEqual(history.messages.map((message) => message.role), ["user", "assistant"]);
  step("operator chatted");
}

async function runsTheAgent(operator) {
  const call = { action: "invoke", node: "npm node", command: "system.which", params: { bins: ["uname"] } };
  let accepted;
  const answer = await operator.request(
    "agent",
    { message: `TOOL:nodes ${JSON.stringify(call)}`, sessionKey: "agent:main:npm", idempotencyKey: randomUUID() },
    { expectFinal: true, onAccepted: (payload) => (accepted = payload) },
  );
  assert.equal(accepted.status, "accepted");
  assert.equal(answer.runId, accepted.runId);
  assert.equal(answer.status, "ok");
  assert.match(answer.result.payloads[0].text, /\/from\/npm\/uname/);
  step("the agent called the node");
}

// On this host the shared token alone makes an administrator, as the command line is one.
const admin = await Peer.connect({
  token,
  deviceIdentity: null,
  clientName: "cli",
  mode: "cli",
  role: "operator",
  scopes: OPERATOR_SCOPES,
});
const someone = await operator(admin);
const { peer, nodeId } = await node(admin);
await invokes(someone, nodeId);
await chats(someone);
await runsTheAgent(someone);
for (const each of [peer, someone, admin]) await each.stop();
console.log("done");
process.exit(0);
