// Writes a file as a page of HTML with the colours of VS Code's "Dark+": node page.mjs FILE [FIRST-LINE LAST-LINE]
import { readFileSync } from 'node:fs';
import { START, linesOf, load } from './test/tokens.mjs';

const rule = (scope, foreground, fontStyle) => ({ scope, settings: { foreground, fontStyle } });
const theme = {
  settings: [
    { settings: { foreground: '#D4D4D4', background: '#1E1E1E' } },
    rule(['meta.template.expression'], '#D4D4D4'),
    rule(['comment'], '#6A9955'),
    rule(['constant.numeric', 'keyword.other.unit'], '#B5CEA8'),
    rule(['constant.language', 'storage', 'storage.type', 'punctuation.definition.template-expression'], '#569CD6'),
    rule(['keyword', 'keyword.control'], '#C586C0'),
    rule(['keyword.operator'], '#D4D4D4'),
    rule(['keyword.other'], '#569CD6'),
    rule(['entity.name.function', 'support.function'], '#DCDCAA'),
    rule(['support.class', 'support.type', 'entity.name.type'], '#4EC9B0'),
    rule(['variable', 'support.variable', 'support.type.property-name'], '#9CDCFE'),
    rule(['variable.other.constant', 'constant.other'], '#4FC1FF'),
    rule(['string'], '#CE9178'),
    rule(['constant.character.escape'], '#D7BA7D'),
    rule(['invalid'], '#F44747'),
  ],
};

const [path, first = 1, last = Infinity] = process.argv.slice(2);
const grammar = await load('source.cachefile', theme);
const escaped = (text) => text.replace(/[&<>]/g, (one) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[one]);

let state = START;
const rows = [];
for (const [index, line] of linesOf(readFileSync(path, 'utf8').trimEnd()).entries()) {
  const { tokens, ruleStack } = grammar.tokenizeLine2(line, state);
  state = ruleStack;
  let row = '';
  for (let at = 0; at < tokens.length; at += 2) {
    const colour = (tokens[at + 1] & 0xff8000) >>> 15; // these bits are the number of the colour
    row += `<span style="color:${grammar.colours()[colour]}">${escaped(line.slice(tokens[at], tokens[at + 2]))}</span>`;
  }
  if (index + 1 >= first && index < last) rows.push(`<i>${index + 1}</i>${row}`);
}
process.stdout.write(`<!doctype html><meta charset="utf-8"><style>
  body { margin: 0; background: #1e1e1e }
  pre { margin: 12px 0; font: 14px/20px "DejaVu Sans Mono", monospace; color: #d4d4d4 }
  i { display: inline-block; width: 34px; margin-right: 18px; text-align: right; color: #858585; font-style: normal }
</style><pre>${rows.join('\n')}</pre>`);
