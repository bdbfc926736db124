// Runs the cells in every pairing of programs and says what came of it. See scripts/compat.
import { writeFileSync, readFileSync, existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { at, difference, jsonOf, lacks } from './check.mjs';
import { CELLS, PAIRS } from './cells.mjs';
import { page, table } from './report.mjs';
import { PATIENCE, World } from './world.mjs';
import { sleep } from './process.mjs';

const words = process.argv.slice(2);
const pairs = PAIRS.filter((pair) => words.includes(pair));
const runs = resolve(import.meta.dirname, '../../target/compat/run');
const names = words.filter((word) => !PAIRS.includes(word));

/** Cells need what comes before them in their group, and nothing of other groups. */
function chosen() {
  const groups = [];
  for (const cell of CELLS) cell.group ? groups.push([]) : groups.at(-1).push(cell);
  return groups.filter((group) => !names.length || group.some((cell) => names.some((name) => cell.name.includes(name)))).flat();
}

const unknown = names.filter((name) => !CELLS.some((cell) => cell.name?.includes(name)));
if (unknown.length) {
  console.error(`no cell has ${unknown.join(', ')} in its name; see scripts/compat.d/cells.mjs`);
  process.exit(2);
}

/** The words of a command line, without a shell. */
const split = (line) => [...line.matchAll(/'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2]);

function fill(text, saved) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => {
    if (name in saved) return saved[name];
    throw new Error(`nothing was saved as ${name}: an earlier cell failed`);
  });
}

/** Runs one cell once; gives its first difference, or null. */
async function once(cell, world) {
  if (cell.act) return cell.act(world).then(() => null);
  const argv = split(cell.run).map((word) => fill(word, world.saved));
  const result = await world.command(argv, cell);
  const stem = join(world.dir, 'out', cell.name.replace(/[^\w-]+/g, '_'));
  writeFileSync(`${stem}.txt`, `$ openclaw ${argv.join(' ')}\n${result.stdout}\n--- ${result.code}\n${result.stderr}`);
  const json = jsonOf(result.stdout);
  const wrong = difference(result, cell);
  if (wrong) return wrong;
  if (json !== undefined) writeFileSync(`${stem}.json`, JSON.stringify(json, null, 1));
  for (const [name, pointer] of Object.entries(cell.save ?? {})) world.saved[name] = at(json, pointer);
  await cell.then?.(world);
  return null;
}

async function runCell(cell, world) {
  const failed = await Promise.resolve(cell.before?.(world)).then(() => null, (error) => error.message);
  if (failed) return failed;
  for (const end = Date.now() + (cell.retry ?? 0) * PATIENCE * 1000; ; await sleep(500)) {
    const wrong = await once(cell, world).catch((error) => error.message);
    if (!wrong || Date.now() > end) return wrong;
  }
}

/** What the answer lacks beside that of their own pairing, where that has run. */
function missing(cell, world) {
  const file = `out/${cell.name.replace(/[^\w-]+/g, '_')}.json`;
  const [reference, own] = [resolve(world.dir, '../theirs-to-theirs', file), join(world.dir, file)];
  if (!existsSync(reference) || !existsSync(own)) return [];
  return lacks(JSON.parse(readFileSync(reference, 'utf8')), JSON.parse(readFileSync(own, 'utf8')));
}

async function runPair(pair, verdicts) {
  const world = new World(...pair.split('-to-'));
  try {
    await world.begin();
    for (const cell of chosen().filter((each) => (each.only ?? PAIRS).includes(pair))) {
      const began = Date.now();
      const wrong = await runCell(cell, world);
      const lacking = wrong || world.make.cli === 'ours' ? [] : missing(cell, world);
      verdicts.push({ pair, cell, wrong, lacking });
      keep(pair, verdicts.slice(-1));
      const time = `${((Date.now() - began) / 1000).toFixed(1)} s`;
      console.log(`${wrong ? 'FAIL' : 'pass'}  ${pair}  ${cell.name}  (${time})${wrong ? `\n      ${wrong}` : ''}`);
    }
  } finally {
    await world.end();
  }
}

/** The last verdicts of a pairing, whole or in parts: the page is written from those of all. */
const kept = (pair) => join(runs, `${pair}.json`);
const recall = (pair) => (existsSync(kept(pair)) ? JSON.parse(readFileSync(kept(pair), 'utf8')) : []);
function keep(pair, verdicts) {
  const rows = new Map(recall(pair).map((row) => [row.name, row]));
  for (const { cell, wrong, lacking } of verdicts) rows.set(cell.name, { name: cell.name, wrong, lacking });
  writeFileSync(kept(pair), JSON.stringify([...rows.values()], null, 1));
}
/** Of cells that are still there. */
const verdictsOf = (pair) =>
  recall(pair).flatMap((row) => CELLS.filter((cell) => cell.name === row.name).map((cell) => ({ pair, cell, ...row })));

const run = [];
let broken = false;
for (const pair of pairs.length ? pairs : PAIRS) {
  const verdicts = [];
  await runPair(pair, verdicts).catch((error) => {
    broken = true;
    console.log(`FAIL  ${pair}  goes no further: ${error.message}`);
  });
  run.push(...verdicts);
}
console.log(`\n${table(run)}`);
writeFileSync(resolve(import.meta.dirname, '../../docs/compat.md'), page(PAIRS.flatMap(verdictsOf)));
/** Fails otherwise than is known, or does not fail any more. */
const unexpected = ({ cell, pair, wrong }) => (cell.why?.[pair] ? !wrong || !cell.why[pair].fails.test(wrong) : wrong);
const surprises = run.filter(unexpected);
for (const { cell, pair, wrong } of surprises.filter((each) => each.cell.why?.[each.pair])) {
  console.log(`${pair}  ${cell.name}: ${wrong ? 'fails otherwise than is known' : 'is known to fail, and passes'} (why, in cells.mjs)`);
}
process.exit(broken || surprises.length ? 1 : 0);
