// The engine of VS Code on our grammar.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const oniguruma = require('vscode-oniguruma');
const textmate = require('vscode-textmate');

const at = (path) => new URL(path, import.meta.url);

const GRAMMARS = {
  'source.cachefile': '../syntaxes/cachefile.tmLanguage.json',
  'markdown.cachefile.codeblock': '../syntaxes/markdown.tmLanguage.json',
};

const wasm = readFileSync(require.resolve('vscode-oniguruma/release/onig.wasm'));
await oniguruma.loadWASM(wasm.buffer.slice(wasm.byteOffset, wasm.byteOffset + wasm.length));

export function load(name, theme) {
  const registry = new textmate.Registry({
    theme,
    onigLib: Promise.resolve({
      createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
      createOnigString: (text) => new oniguruma.OnigString(text),
    }),
    loadGrammar: async (scope) => {
      const path = GRAMMARS[scope];
      return path ? textmate.parseRawGrammar(readFileSync(at(path), 'utf8'), path) : null;
    },
  });
  return registry.loadGrammar(name);
}

const cachefile = await load('source.cachefile');
export const START = textmate.INITIAL;

// The tokens of some lines, and the state behind them.
export function tokenize(lines, state = START, from = 0, grammar = cachefile) {
  const tokens = [];
  for (const [index, line] of lines.entries()) {
    const result = grammar.tokenizeLine(line, state);
    if (result.stoppedEarly) throw new Error(`line ${from + index + 1} took too long`);
    for (const token of result.tokens) {
      const text = line.slice(token.startIndex, token.endIndex);
      if (text) tokens.push({ line: from + index, start: token.startIndex, text, scopes: token.scopes.slice(1) });
    }
    state = result.ruleStack;
  }
  return { tokens, state };
}

// What an editor does: the same, but without the names of scopes.
export function colour(lines) {
  lines.reduce((state, line) => cachefile.tokenizeLine2(line, state).ruleStack, START);
}

// As an editor splits a file.
export const linesOf = (text) => text.replace(/^\uFEFF/, '').split(/\r?\n/);

// How many regions are open: 0 at the end of a complete file.
export const open = (state) => state.depth - 1;
