// A server of tools over standard input and output (MCP), for the node: it has one, which says what it was told to.
import { createInterface } from 'node:readline';

const schema = { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] };
const ANSWERS = {
  initialize: ({ protocolVersion }) => ({ protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'matrix', version: '1' } }),
  ping: () => ({}),
  'tools/list': () => ({ tools: [{ name: 'say', description: 'Says a text', inputSchema: schema }] }),
  'tools/call': (call) => ({ content: [{ type: 'text', text: `said ${call.arguments.text}` }] }),
};

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) return;
  const answer = ANSWERS[method];
  const said = answer ? { result: answer(params ?? {}) } : { error: { code: -32601, message: `no ${method} here` } };
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, ...said })}\n`);
});
