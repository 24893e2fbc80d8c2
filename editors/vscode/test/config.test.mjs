// The configuration of the language, the problem matcher, and Markdown documents.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { load, tokenize } from './tokens.mjs';

const json = (path) => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
const configuration = json('../language-configuration.json');
const manifest = json('../package.json');

test('what opens a bracket indents the next line', () => {
  const { increaseIndentPattern, decreaseIndentPattern } = configuration.indentationRules;
  const [more, less] = [new RegExp(increaseIndentPattern), new RegExp(decreaseIndentPattern)];
  for (const line of ['image a {', '  tags = [', '  a = f( # text', 'let a = "{" + [']) assert.ok(more.test(line), line);
  for (const line of ['# image a {', 'image a {}', 'let a = "{', 'let a = "{"', 'a = [1] # [']) assert.ok(!more.test(line), line);
  for (const line of ['}', '  ]', ' ), b']) assert.ok(less.test(line), line);
  for (const line of ['a }', 'image a {']) assert.ok(!less.test(line), line);
});

test('a description goes on in the next line, a comment does not', () => {
  const [description] = configuration.onEnterRules;
  assert.ok(new RegExp(description.beforeText).test('## text'));
  assert.ok(!new RegExp(description.beforeText).test('# text'));
});

test('the problem matcher reads annotations', () => {
  const [matcher] = manifest.contributes.problemMatchers;
  const { regexp, ...groups } = matcher.pattern;
  const line = '::error file=a/.cachefile,line=2,col=11,title=E0204::`image` has no attribute `contxt`%0Ahelp: …';
  const found = new RegExp(regexp).exec(line);
  const part = (name) => found[groups[name]];
  const parts = ['severity', 'file', 'line', 'column', 'code'].map(part);
  assert.deepEqual(parts, ['error', 'a/.cachefile', '2', '11', 'E0204']);
  assert.match(part('message'), /^`image` has no attribute/);
});

test('code blocks of Markdown documents', async () => {
  const grammar = await load('markdown.cachefile.codeblock');
  const lines = ['```cachefile', 'image a {', '  context = "."', '```', 'image a {'];
  const { tokens } = tokenize(lines, undefined, 0, grammar);
  const found = (line, text) => tokens.find((token) => token.line === line && token.text.trim() === text)?.scopes;
  assert.ok(found(1, 'image').includes('storage.type.image.cachefile'));
  assert.ok(found(1, 'image').includes('meta.embedded.block.cachefile'));
  assert.ok(found(2, 'context').includes('support.type.property-name.cachefile'));
  assert.equal(found(4, 'image'), undefined);
});
