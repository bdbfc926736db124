// What a cell expects, and the first difference from it.

/** The value at a JSON pointer, or undefined. */
export function at(value, pointer) {
  const keys = pointer.split('/').slice(1).map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
  return keys.reduce((inner, key) => inner?.[key], value);
}

/** The JSON that a program printed, remarks before it left out; the first line where it printed one value a line. */
export function jsonOf(text) {
  for (const begin of text.matchAll(/^[[{]/gm)) {
    const rest = text.slice(begin.index);
    for (const candidate of [rest, rest.split('\n', 1)[0]]) {
      try {
        return JSON.parse(candidate);
      } catch {
        // A remark may begin with a bracket, too.
      }
    }
  }
  return undefined;
}

/** The first line that says why a program failed. */
export function reasonOf({ stdout, stderr }) {
  const lines = `${stderr}\n${stdout}`.split('\n').map((line) => line.trim()).filter(Boolean);
  const telling = [/Reason: |"message": /, /error|fail|unknown|invalid|refus|cannot|missing|denied/i, /./];
  const line = telling.map((pattern) => lines.find((each) => pattern.test(each))).find(Boolean);
  return (line ?? 'nothing printed').slice(0, 240);
}

function show(value) {
  if (value === undefined) return 'nothing';
  return (typeof value === 'function' || value instanceof RegExp ? String(value) : JSON.stringify(value)).slice(0, 120);
}

function fits(value, wanted) {
  if (wanted instanceof RegExp) return ['string', 'number'].includes(typeof value) && wanted.test(String(value));
  if (typeof wanted === 'function') return Boolean(wanted(value));
  return JSON.stringify(value) === JSON.stringify(wanted);
}

/**
 * The first difference between what a program did and what `want` says, or null.
 * `want.exit` (0 by default), `want.fails` (a pattern in what was printed by a command that must fail), `want.out` (a pattern in what was printed), `want.json` (pointer → value, pattern, or test).
 */
export function difference(result, want) {
  if (result.late) return 'no end within its time';
  // Some print their tables as if they were remarks.
  const printed = `${result.stdout}\n${result.stderr}`.trim();
  if (want.fails) {
    if (result.code === 0) return 'it did not fail';
    return want.fails.test(printed) ? null : `no ${want.fails} in: ${printed.slice(0, 160) || 'nothing'}`;
  }
  if (result.code !== (want.exit ?? 0)) return `exit code ${result.code}: ${reasonOf(result)}`;
  if (want.out && !want.out.test(printed)) return `no ${want.out} in: ${printed.slice(0, 160) || 'nothing'}`;
  if (!want.json) return null;
  const json = jsonOf(result.stdout);
  if (json === undefined) return `no JSON in: ${result.stdout.trim().slice(0, 160) || 'nothing'}`;
  for (const [pointer, wanted] of Object.entries(want.json)) {
    const value = at(json, pointer);
    if (!fits(value, wanted)) return `${pointer || 'all of it'}: ${show(value)}, where ${show(wanted)} is expected`;
  }
  return null;
}

/** Paths of what `theirs` has and `ours` lacks, or has in another type. Lists are compared by their first elements. */
export function lacks(theirs, ours, path = '') {
  const type = (value) => (value === null ? 'null' : Array.isArray(value) ? 'list' : typeof value);
  if (theirs === null || theirs === undefined) return [];
  if (ours === undefined) return [path];
  if (ours === null) return [];
  if (type(theirs) !== type(ours)) return [`${path} (${type(ours)}, not ${type(theirs)})`];
  if (type(theirs) === 'list') return theirs.length && ours.length ? lacks(theirs[0], ours[0], `${path}/0`) : [];
  if (type(theirs) !== 'object') return [];
  return Object.keys(theirs).flatMap((key) => lacks(theirs[key], ours[key], `${path}/${key}`));
}
