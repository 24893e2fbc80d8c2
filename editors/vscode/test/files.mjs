// The files of the repository that the grammar is tried on.
import { readdirSync, readFileSync, existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const read = (path) => readFileSync(ROOT + path, 'utf8');

export const examples = readdirSync(ROOT + 'examples')
  .map((name) => `examples/${name}/.cachefile`)
  .filter((path) => existsSync(ROOT + path))
  .map((path) => ({ path, text: read(path) }));

// The inputs of the golden tests. `parsed`: the parser has nothing against it.
export const golden = ['check', 'format', 'parse', 'plan'].flatMap((stage) =>
  readdirSync(`${ROOT}tests/golden/${stage}`).map((name) => {
    const folder = `tests/golden/${stage}/${name}`;
    const syntax = read(`${folder}/out.json`)
      .split('\n')
      .filter((line) => /"code":"E[01]/.test(line) && line.includes('"file":".cachefile"'));
    return { path: `${folder}/in.cachefile`, text: read(`${folder}/in.cachefile`), parsed: syntax.length === 0 };
  }),
);

export const valid = [...examples, ...golden.filter((file) => file.parsed)];

export const words = JSON.parse(read('editors/words.json'));
