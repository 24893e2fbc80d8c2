// The grammar on whole files: examples, inputs of the golden tests, half-typed and hostile ones.
import assert from 'node:assert/strict';
import test from 'node:test';
import { examples, golden, valid } from './files.mjs';
import { START, colour, linesOf, open, tokenize } from './tokens.mjs';

// What each character of a text is in, found without the grammar: `c`omment, `s`tring, or ` ` for neither. Holes are
// neither.
function regions(text) {
  const marks = [];
  const stack = [];
  const mark = (kind, count = 1) => marks.push(...Array(count).fill(kind));
  for (let at = 0; at < text.length; at = marks.length) {
    const top = stack.at(-1);
    const rest = text.slice(at, at + 3);
    if (top === '"' || top === '"""') {
      if (rest.startsWith(top)) mark('s', stack.pop().length);
      else if (rest[0] === '\\') mark('s', 2);
      else if (rest.startsWith('${')) stack.push('}'), mark(' ', 2);
      else mark('s');
    } else if (rest[0] === '#') {
      const end = text.indexOf('\n', at);
      mark('c', (end < 0 ? text.length : end) - at);
    } else if (rest[0] === '"') {
      stack.push(rest === '"""' ? rest : '"');
      mark('s', stack.at(-1).length);
    } else {
      if (rest[0] === '{') stack.push('}');
      if (rest[0] === '}') stack.pop();
      mark(' ');
    }
  }
  return marks.join('');
}

// The same, as the grammar has it.
function scoped(lines) {
  const { tokens } = tokenize(lines);
  const marks = lines.map((line) => Array(line.length).fill(' '));
  for (const { line, start, text, scopes } of tokens) {
    const inner = scopes.findLast((scope) => /^(string|comment|meta\.template)/.test(scope)) ?? '';
    const kind = inner.startsWith('string') ? 's' : inner.startsWith('comment') ? 'c' : ' ';
    marks[line].fill(kind, start, start + text.length);
  }
  return marks.map((line) => line.join('')).join('\n');
}

test(`nothing is illegal in ${valid.length} valid files, and all ends where it should`, () => {
  assert.ok(valid.length > 40);
  for (const { path, text } of valid) {
    const { tokens, state } = tokenize(linesOf(text));
    const illegal = tokens.filter(({ scopes }) => scopes.some((scope) => scope.startsWith('invalid')));
    assert.deepEqual(illegal, [], path);
    assert.equal(open(state), 0, path);
  }
});

test('strings, holes and comments are where a scanner finds them', () => {
  for (const { path, text } of valid) {
    const lines = linesOf(text);
    const expected = [...regions(lines.join('\n'))].map((kind, at) => (lines.join('\n')[at] === '\n' ? '\n' : kind)).join('');
    assert.equal(scoped(lines), expected, path);
  }
});

test('an item looks the same behind every half of an example', () => {
  const after = ['image probe {', '  context = "."', '}'];
  for (const { path, text } of [...examples, ...golden.filter((file) => file.path.includes('good-everything'))]) {
    let state = START;
    for (const [number, line] of linesOf(text).entries()) {
      for (let end = 0; end <= line.length; end += 1) {
        const half = line.slice(0, end);
        const cut = tokenize([half], state);
        // Only a string of several lines may go on.
        const inText = cut.state.contentNameScopesList?.getScopeNames().some((scope) => scope.includes('triple'));
        if (inText) continue;
        const { tokens } = tokenize(after, cut.state);
        const found = (word) => tokens.find((token) => token.text === word)?.scopes.at(-1);
        const where = `${path}:${number + 1}: ${half}`;
        assert.equal(found('image'), 'storage.type.image.cachefile', where);
        assert.equal(found('probe'), 'entity.name.type.image.cachefile', where);
        assert.equal(found('context'), 'support.type.property-name.cachefile', where);
      }
      state = tokenize([line], state).state;
    }
  }
});

// A thousand random lines of what matters to the grammar, always the same ones.
function noise() {
  const parts = ['"', '"""', '${', '}', '{', '(', ')', '[', ']', '#', '##', '\\', '\n', ' ', '=', ':', 'a', 'run', 'image', '1', '.', 'é', '\u{1f680}', '\t', '\0'];
  let seed = 1;
  const next = () => (seed = (seed * 1103515245 + 12345) % 2147483648);
  return Array.from({ length: 40_000 }, () => parts[(next() >> 16) % parts.length]).join('');
}

const many = (text, count = 10_000) => text.repeat(count);
const hostile = {
  'open parentheses': many('('),
  'open braces': many('{ '),
  'open brackets': many('['),
  'open maps': many('={'),
  'open holes': many('"${'),
  'open holes below': many('"""${\n', 2_000),
  quotes: many('"', 9_999),
  backslashes: `"${many('\\', 9_999)}`,
  'one long name': many('a', 100_000),
  'one long number': many('9', 100_000),
  'one long comment': `# cachelang: allow ${many('W0001, ', 10_000)}!`,
  'one long string': `let a = "${many('b', 100_000)}`,
  blanks: `image a ${many(' ', 100_000)}x`,
  'blanks in front of a step': `wave a {${many(' ', 50_000)}runx`,
  'names and dots': many('a.', 20_000),
  'names and colons': many('a:', 20_000),
  'many steps': `wave a {\n${many('  run "a" b { timeout = 5m }\n', 5_000)}}`,
  'a type without an end': `param a: list<${many('x', 50_000)}`,
  noise: noise(),
};

for (const [name, text] of Object.entries(hostile)) {
  test(`hostile: ${name}`, () => {
    const start = performance.now();
    colour(linesOf(text));
    const spent = performance.now() - start;
    assert.ok(spent < 5_000, `${spent} ms for ${text.length} characters`);
  });
}

test(`every one of the ${golden.length} golden inputs is read in time`, () => {
  for (const { path, text } of golden) {
    const start = performance.now();
    tokenize(linesOf(text));
    const spent = performance.now() - start;
    assert.ok(spent < 2_000, `${path}: ${spent} ms`);
  }
});
