// Makes one file of test262 as Mozilla keeps it: `node pack.js FOLDER FILE`. It has a line of JSON for each file, its path in
// test262 and what is in it.
'use strict';

const fs = require('node:fs');
const path = require('node:path');

// What the engine has nothing of is left out: modules, threads, realms, `Intl` and proposals.
const FOLDERS = ['annexB', 'built-ins', 'language'];
const WITHOUT = ['built-ins/Atomics', 'built-ins/ShadowRealm', 'built-ins/Temporal', 'language/export', 'language/import', 'language/module-code'];

const [suite, out] = process.argv.slice(2);
const files = new Map();
const walk = (name) => {
  for (const entry of fs.readdirSync(path.join(suite, name), { withFileTypes: true })) {
    const inner = path.posix.join(name, entry.name);
    if (entry.isDirectory()) {
      if (!WITHOUT.includes(inner)) walk(inner);
    } else {
      keep(inner, fs.readFileSync(path.join(suite, inner), 'utf8'));
    }
  }
};
// What Mozilla puts around a test is taken away again.
const keep = (name, source) => {
  if (path.posix.basename(name) === 'shell.js') {
    // The harness's files that a folder's tests include, one after the other.
    for (const part of source.split(/^\/\/ file: (?=\w[\w-]*\.js$)/m).slice(1)) {
      const at = part.indexOf('\n');
      const file = part.slice(0, at);
      if (file !== 'test262-host.js') files.set(`harness/${file}`, `${part.slice(at + 1).trimEnd()}\n`);
    }
    return;
  }
  if (!name.endsWith('.js') || name.endsWith('_FIXTURE.js') || path.posix.basename(name) === 'browser.js') return;
  let text = source.replace(/^\/\/ \|reftest\|.*\n/, '').replace(/\nreportCompare\(0, 0\);\n$/, '');
  if (text.startsWith("'use strict';\n")) {
    text = text.slice("'use strict';\n".length);
    name = name.replace(/-strict\.js$/, '.js');
  }
  if (files.has(name)) throw new Error(`${name} is there twice`);
  files.set(name, text);
};
keep('shell.js', fs.readFileSync(path.join(suite, 'shell.js'), 'utf8'));
for (const name of FOLDERS) walk(name);

const sorted = [...files].sort(([one], [other]) => (one < other ? -1 : 1));
fs.writeFileSync(out, sorted.map((file) => `${JSON.stringify(file)}\n`).join(''));
console.log(`${files.size} files of test262`);
