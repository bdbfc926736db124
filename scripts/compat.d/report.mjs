// The table of verdicts, and the page docs/compat.md.
import { CELLS, PAIRS } from './cells.mjs';

const HEADS = {
  'theirs-to-theirs': 'their programs, their gateway',
  'theirs-to-ours': 'their programs, our gateway',
  'ours-to-theirs': 'our programs, their gateway',
};

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
    const why = cell.why?.[pair] ? ` — ${cell.why[pair]}` : '';
    return `- ${cell.name} (${HEADS[pair]})${why}\n  \`${wrong.replaceAll('`', "'").replaceAll('\n', ' ')}\``;
  });

const shorter = (verdicts) =>
  verdicts.filter((each) => each.lacking.length).map(({ cell, lacking }) => {
    const [shown, rest] = [lacking.slice(0, 12), lacking.length - 12];
    return `- ${cell.name}: ${shown.map((path) => `\`${path}\``).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
  });

/** The whole page. */
export function page(verdicts) {
  return `# Beside OpenClaw
OpenClaw's own programs (2026.9.6) against this gateway, these programs against its gateway, and, as the measure of the
measure, its programs against its gateway. All on one configuration, with a fake model and a fake Telegram.
\`scripts/compat\` runs it and writes this page; the cells are \`scripts/compat.d/cells.mjs\`, one a line.

${table(verdicts)}

## What fails, and why
${failures(verdicts).join('\n') || 'Nothing.'}

## Where our gateway's answers are shorter
What a command printed as JSON with their gateway and did not with ours. Paths begin at what was printed.

${shorter(verdicts).join('\n') || 'Nowhere.'}
`;
}
