// Which scope each construct has.
import assert from 'node:assert/strict';
import test from 'node:test';
import { words } from './files.mjs';
import { linesOf, open, tokenize } from './tokens.mjs';

// The innermost scope of every token that is not blank: `[text, scope]`, without the name of the language.
function scopes(text) {
  const { tokens, state } = tokenize(linesOf(text));
  assert.equal(open(state), 0, 'everything is closed');
  return tokens
    .filter((token) => token.text.trim())
    .map((token) => [token.text.trim(), (token.scopes.at(-1) ?? '').replace(/\.cachefile$/, '')]);
}

// Asserts the tokens of a text that are named, in their order.
function has(text, ...expected) {
  const found = scopes(text);
  let from = 0;
  for (const [token, scope] of expected) {
    const index = found.findIndex(([other], at) => at >= from && other === token);
    assert.notEqual(index, -1, `\`${token}\` is a token of\n${text}\n${JSON.stringify(found)}`);
    assert.equal(found[index][1], scope, `\`${token}\` of\n${text}`);
    from = index + 1;
  }
}

const ATTRIBUTE = 'support.type.property-name';
const BLOCK = 'support.type.property-name.block';
const KEY = 'variable.other.property.key';
const NAME = 'variable.other.readwrite';

test('the version', () => {
  has('cachelang 1', ['cachelang', 'keyword.other.version'], ['1', 'constant.numeric.version']);
});

test('comments and descriptions', () => {
  has('# text "a', ['#', 'punctuation.definition.comment'], ['text "a', 'comment.line.number-sign']);
  has('## text', ['##', 'punctuation.definition.comment'], ['text', 'comment.line.documentation']);
  has('let a = 1 # b', ['1', 'constant.numeric.integer'], ['b', 'comment.line.number-sign']);
  has(
    '# cachelang: allow W0209, W0313',
    ['cachelang: allow', 'keyword.other.directive'],
    ['W0209', 'constant.other.code'],
    ['W0313', 'constant.other.code'],
  );
});

test('params and their types', () => {
  for (const type of words.types) {
    has(
      `param a: ${type} = b { oneof = [1] }`,
      ['param', 'storage.type.param'],
      ['a', 'variable.other.constant.param'],
      [':', 'punctuation.separator.type'],
      [type, 'support.type'],
      ['=', 'keyword.operator.assignment'],
      ['b', NAME],
      ['oneof', ATTRIBUTE],
    );
  }
  has('param a:str', ['str', 'entity.name.type.unknown']);
  has('param', ['param', 'storage.type.param']);
});

test('values with names', () => {
  has('let a = true', ['let', 'storage.type.let'], ['a', 'variable.other.constant.let'], ['true', 'constant.language.boolean']);
  has('secret a = file("k")', ['secret', 'storage.type.secret'], ['a', 'variable.other.constant.secret'], ['file', 'support.function.builtin']);
  has('include "a.cachefile"', ['include', 'keyword.control.import'], ['a.cachefile', 'string.quoted.double']);
});

test('items with a block', () => {
  for (const item of words.items) {
    has(`${item} a {}`, [item, `storage.type.${item}`], ['a', `entity.name.type.${item}`], ['{', 'punctuation.section.block.begin']);
    has(`${item}`, [item, `storage.type.${item}`]);
  }
  has(
    'image a extends b, c for x in ["d"], y in e {}',
    ['image', 'storage.type.image'],
    ['a', 'entity.name.type.image'],
    ['extends', 'keyword.other.extends'],
    ['b', NAME],
    ['for', 'keyword.control.loop'],
    ['x', NAME],
    ['in', 'keyword.control.loop'],
    ['d', 'string.quoted.double'],
    ['in', 'keyword.control.loop'],
  );
});

test('attributes, blocks and keys of maps', () => {
  for (const name of words.attributes) has(`image a {\n  ${name} = 1\n}`, [name, ATTRIBUTE], ['=', 'keyword.operator.assignment']);
  for (const name of words.blocks) has(`image a { ${name} { from = [] } }`, [name, BLOCK], ['from', ATTRIBUTE]);
  has('image a { contxt = "." }', ['contxt', 'variable.other.property']);
  has('image a { args = { context = b, "c.d" = 1 } }', ['args', ATTRIBUTE], ['context', KEY], ['b', NAME], ['c.d', 'string.quoted.double']);
  has('image a { when = b == c }', ['when', ATTRIBUTE], ['b', NAME], ['==', 'keyword.operator.comparison']);
  has('image a { to = [] }\nimage to { build = 1 }', ['to', ATTRIBUTE], ['to', 'entity.name.type.image'], ['build', 'variable.other.property']);
});

test('steps', () => {
  for (const step of words.steps) {
    for (const before of ['{ ', '{', '{\n  ', '{ build a; ']) {
      has(`wave w ${before}${step} "x"\n}`, ['w', 'entity.name.type.wave'], [step, `keyword.control.step.${step}`]);
    }
  }
  has('wave w { promote a to app:b, app:"to" }', ['to', 'keyword.control.step.to'], ['app', 'variable.other.object.repository'], ['to', 'string.quoted.double']);
  has('wave w { run "a" b.push { timeout = 5m } }', ['run', 'keyword.control.step.run'], ['push', 'variable.other.property'], ['timeout', ATTRIBUTE]);
  has('wave w { env = { run = "a" } }', ['run', KEY]);
});

test('stages', () => {
  has(
    'wave w {\n  pre { run "a" }\n  stage b for x in c after d, e { sh "f" }\n  post { build g }\n}',
    ['pre', 'storage.type.pre'],
    ['run', 'keyword.control.step.run'],
    ['stage', 'storage.type.stage'],
    ['b', 'entity.name.section.stage'],
    ['for', 'keyword.control.loop'],
    ['after', 'keyword.other.after'],
    ['d', NAME],
    ['sh', 'keyword.control.step.sh'],
    ['post', 'storage.type.post'],
    ['build', 'keyword.control.step.build'],
  );
});

test('numbers', () => {
  for (const unit of words.durations) has(`let a = 15${unit}`, ['15', 'constant.numeric.duration'], [unit, 'keyword.other.unit']);
  for (const unit of words.sizes) has(`let a = 64${unit}`, ['64', 'constant.numeric.size'], [unit, 'keyword.other.unit']);
  has('let a = [1, -12]', ['1', 'constant.numeric.integer'], ['-12', 'constant.numeric.integer']);
  for (const wrong of ['3.10', '5min', '1_000', '64mb', '1h30m']) has(`let a = ${wrong}`, [wrong, 'invalid.illegal.number']);
});

test('strings, escapes and holes', () => {
  has('let a = "b # c"', ['"', 'punctuation.definition.string.begin'], ['b # c', 'string.quoted.double'], ['"', 'punctuation.definition.string.end']);
  for (const escape of ['\\n', '\\t', '\\"', '\\\\', '\\$', '\\u{1f680}']) has(`let a = "b${escape}"`, [escape, 'constant.character.escape']);
  for (const wrong of ['\\x', '\\u{}', '\\u{zz}']) has(`let a = "${wrong}"`, [wrong, 'invalid.illegal.escape']);
  has(
    'let a = "b ${join(c, ",")} $d"',
    ['${', 'punctuation.definition.template-expression.begin'],
    ['join', 'support.function.builtin'],
    ['c', NAME],
    [',', 'punctuation.separator.comma'],
    [',', 'string.quoted.double'],
    ['}', 'punctuation.definition.template-expression.end'],
    ['$d', 'string.quoted.double'],
  );
  has('let a = "${keys({ b = "}" })}"', ['keys', 'support.function.builtin'], ['b', KEY], ['}', 'string.quoted.double'], ['}', 'punctuation.section.map.end']);
  has(
    'let a = """\n  "b" # c\n  ${d\n  }\n  """\nlet e = 1',
    ['"""', 'punctuation.definition.string.begin'],
    ['"b" # c', 'string.quoted.triple'],
    ['d', NAME],
    ['"""', 'punctuation.definition.string.end'],
    ['let', 'storage.type.let'],
  );
});

test('tags, functions and fields', () => {
  has('let t = [app:"latest", app:commit, app:(b)]', ['app', 'variable.other.object.repository'], [':', 'punctuation.separator.tag'], ['latest', 'string.quoted.double'], ['app', 'variable.other.object.repository'], ['commit', NAME]);
  for (const name of words.functions) has(`let a = ${name}("b")`, [name, 'support.function.builtin'], ['(', 'punctuation.section.parens.begin']);
  for (const name of words.git) has(`let a = git.${name}`, ['git', 'support.class'], ['.', 'punctuation.accessor'], [name, 'support.variable.property']);
  for (const name of words.caches) has(`let a = cache.${name}(b)`, ['cache', 'support.class'], [name, 'support.function.cache']);
  for (const name of words.arguments) has(`let a = cache.s3(${name} = b)`, [name, 'variable.parameter'], ['b', NAME]);
  has('let a = ours(b)', ['ours', 'entity.name.function']);
  has('let a = worker["api"].ref', ['worker', NAME], ['[', 'punctuation.section.brackets.begin'], ['ref', 'variable.other.property']);
});

test('operators and conditions', () => {
  has(
    'let a = if !b && c != d || e then f ?? g else [h] + i',
    ['if', 'keyword.control.conditional'],
    ['!', 'keyword.operator.logical'],
    ['&&', 'keyword.operator.logical'],
    ['!=', 'keyword.operator.comparison'],
    ['||', 'keyword.operator.logical'],
    ['then', 'keyword.control.conditional'],
    ['??', 'keyword.operator.default'],
    ['else', 'keyword.control.conditional'],
    ['+', 'keyword.operator.concatenation'],
  );
  has('let a = [b for c in d if e]', ['for', 'keyword.control.loop'], ['in', 'keyword.control.loop'], ['if', 'keyword.control.conditional']);
  has('let a = b.if', ['if', 'variable.other.property']);
});

test('what other languages write is marked', () => {
  has("let a = 'b'", ["'", 'invalid.illegal.quote']);
  has('let a = $HOME', ['$HOME', 'invalid.illegal.shell-variable']);
});
