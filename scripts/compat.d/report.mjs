// The table of verdicts, and the page docs/compat.md.
import { resolve } from 'node:path';
import { CELLS, PAIRS } from './cells.mjs';

const HEADS = {
  'theirs-to-theirs': 'their programs, their gateway',
  'theirs-to-ours': 'their programs, our gateway',
  'ours-to-theirs': 'our programs, their gateway',
};

/** This checkout's own place is nobody's business. */
const checkout = resolve(import.meta.dirname, '../..');
const placeless = (text) => text.replaceAll(checkout, '.').replaceAll('`', "'").replaceAll('\n', ' ');
const escaped = (text) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

function verdict(verdicts, cell, pair) {
  const found = verdicts.find((each) => each.pair === pair && each.cell === cell);
  if (!found) return '';
  return found.wrong ? '**fails**' : 'passes';
}

/** One row a cell, one column a pairing. */
export function table(verdicts) {
  const pairs = PAIRS.filter((pair) => verdicts.some((each) => each.pair === pair));
  const rows = [`| | ${pairs.map((pair) => HEADS[pair]).join(' | ')} |`, `|---|${pairs.map(() => '---|').join('')}`];
  for (const cell of CELLS) {
    if (cell.group) rows.push(`| **${cell.group}** |${pairs.map(() => ' |').join('')}`);
    else rows.push(`| ${escaped(cell.name)} | ${pairs.map((pair) => verdict(verdicts, cell, pair)).join(' | ')} |`);
  }
  const counts = pairs.map((pair) => {
    const of = verdicts.filter((each) => each.pair === pair);
    return `${of.filter((each) => !each.wrong).length} of ${of.length}`;
  });
  return [...rows, `| passes | ${counts.join(' | ')} |`].join('\n');
}

const failures = (verdicts) =>
  verdicts.filter((each) => each.wrong).map(({ pair, cell, wrong }) => {
    const why = cell.why?.[pair]?.fails.test(wrong) ? ` — ${cell.why[pair].because}` : '';
    return `- ${cell.name} (${HEADS[pair]})${why}\n  \`${placeless(wrong)}\``;
  });

const shorter = (verdicts) =>
  verdicts.filter((each) => each.lacking.length).map(({ cell, lacking }) => {
    const [shown, rest] = [lacking.slice(0, 12), lacking.length - 12];
    return `- ${cell.name}: ${shown.map((path) => `\`${path}\``).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
  });

/** What the cells cannot show. */
const BESIDE = `## What its command line asks no gateway
These open the database of OpenClaw's own gateway on this host, whichever gateway runs: \`sessions\`, \`pairing list\` and \`pairing approve\`, \`tasks list\`,
\`memory status\`, \`models status\`. They show what that gateway left there. \`gateway call sessions.list\` and \`gateway call channels.pairing.list\` ask the one that
runs, and so do this program's own \`sessions\` and \`pairing\`.

## One home for both
Both read the same \`openclaw.json\`, workspace and environment, and either can be stopped and the other started in its place. What they remember they keep apart:
OpenClaw in \`state/openclaw.sqlite\`, this gateway in \`state/gateway.sqlite\`, and neither reads the other's. Sessions and pairings of one are therefore not known to
the other: a device or node that moves over is approved once more, and goes back without.`;

/** The whole page. */
export function page(verdicts) {
  return `# Beside OpenClaw
OpenClaw's own programs (2026.9.6) against this gateway, these programs against its gateway, and, as the measure of the measure, its programs against its
gateway. All on one configuration, with a fake model and a fake Telegram. \`scripts/compat\` runs it and writes this page; the cells are
\`scripts/compat.d/cells.mjs\`, one a line. What is empty has no verdict yet.

${table(verdicts)}

## What fails, and why
${failures(verdicts).join('\n') || 'Nothing.'}

${BESIDE}

## Where our gateway's answers are shorter
What a command printed as JSON with their gateway and did not with ours. Paths begin at what was printed.

${shorter(verdicts).join('\n') || 'Nowhere.'}
`;
}
