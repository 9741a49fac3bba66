// Runs a .NET program in Node. usage: node run.js PROGRAM.dll ARGUMENTS; `@FILE` is the text of a file, which the program cannot read.
import { readFileSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { dotnet } from './dotnet.js';

const here = dirname(fileURLToPath(import.meta.url));
const [program, ...given] = process.argv.slice(2);
const rest = given.map((one) => (one.startsWith('@') ? readFileSync(one.slice(1), 'utf8') : one));
const name = basename(program);
const config = JSON.parse(readFileSync(resolve(here, 'config.json'), 'utf8'));
config.mainAssemblyName = basename(program, '.dll');
config.resources.assembly.push({ virtualPath: name, name });
const place = (_, wanted) => pathToFileURL(wanted === name ? resolve(program) : resolve(here, wanted)).href;
const runtime = await dotnet.withConfig(config).withResourceLoader(place).create();
process.exitCode = await runtime.runMain(config.mainAssemblyName, rest);
