/**
 * Makes one script of the page's modules. Each module becomes a function that returns its exports, in the order in which they
 * need each other; imports become assignments:
 *
 *   import { a } from './x.ts'        const { a } = module1;
 *   export function b() {}            function b() {} … return { b };
 *
 * Enough for modules that import by name and export declarations, which those of pages do; anything else throws. From a
 * checkout the modules are TypeScript and their types are cut out; in a build they are JavaScript already.
 */
import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';

const IMPORT = /^import \{([^}]*)\} from '(\.[^']*)';$/gm;
const EXPORT = /^export (?=(?:async )?(?:function|const|class) ([A-Za-z]\w*))/gm;
const OTHER_MODULE_SYNTAX = /^(?:import|export)\b.*$/m;

const EXTENSION = import.meta.url.endsWith('.ts') ? '.ts' : '.js';

/** `entry` has no extension. Throws what node:fs throws. */
export function linkScripts(entry: URL): string {
  const linked: string[] = [];
  const names = new Map<string, string>();
  const nameOf = (url: URL): string => {
    let name = names.get(url.href);
    if (name === undefined) {
      const body = moduleBody(url, nameOf);
      name = `module${names.size + 1}`;
      names.set(url.href, name);
      linked.push(`const ${name} = (() => {\n${body}\n})();`);
    }
    return name;
  };
  nameOf(new URL(`${entry.href}${EXTENSION}`));
  return `'use strict';\n{\n${linked.join('\n')}\n}\n`;
}

function moduleBody(url: URL, nameOf: (url: URL) => string): string {
  const text = readFileSync(url, 'utf8').replace(/^\/\/# sourceMappingURL=.*$/m, '');
  const script = EXTENSION === '.ts' ? stripTypeScriptTypes(text) : text;
  const exported: string[] = [];
  const body = script
    .replace(IMPORT, (_, list: string, path: string) => {
      const wanted = list.split(',').map((name) => name.trim());
      return `const { ${wanted.filter((name) => name !== '').join(', ')} } = ${nameOf(new URL(path, url))};`;
    })
    .replace(EXPORT, (_, name: string) => {
      exported.push(name);
      return '';
    });
  const other = OTHER_MODULE_SYNTAX.exec(body);
  if (other !== null) throw new Error(`${url.pathname}: not understood: ${other[0]}`);
  return `${body.replaceAll('</script', '<\\/script')}\nreturn { ${exported.join(', ')} };`;
}
