// Runs a .NET program in Node. usage: node run.js PROGRAM.dll ARGUMENTS
import { readFileSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { dotnet } from './dotnet.js';

const here = dirname(fileURLToPath(import.meta.url));
const [program, ...rest] = process.argv.slice(2);
const name = basename(program);
const config = JSON.parse(readFileSync(resolve(here, 'config.json'), 'utf8'));
config.mainAssemblyName = basename(program, '.dll');
config.resources.assembly.push({ virtualPath: name, name });
const place = (_, wanted) => pathToFileURL(wanted === name ? resolve(program) : resolve(here, wanted)).href;
const runtime = await dotnet.withConfig(config).withResourceLoader(place).create();
process.exitCode = await runtime.runMain(config.mainAssemblyName, rest);
