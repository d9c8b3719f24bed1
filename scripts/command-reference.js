// Writes docs/commands.md, the command reference, or with --check fails when it is not what the commands say.
// Made by "oclif readme" from oclif.manifest.json: each command's page is what --help prints at 80 columns, which
// test/cli/help-pages.test.ts holds. It replaces what stands between marks in a file, and reads the package beside it, so
// both are laid out in a directory of their own.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const file = join(root, 'docs', 'commands.md');
const oclif = join(dirname(fileURLToPath(import.meta.resolve('oclif/package.json'))), 'bin', 'run.js');
/** Columns that oclif fills, the same as in src/cli/program.ts: texts come out up to two columns wider. */
const COLUMNS = '78';

const { topics } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).oclif;
const groups = Object.entries(topics).map(
  ([name, { description }]) => `- \`operator ${name}\`: ${description}`,
);
const head = `# Commands

<!-- Made by "npm run reference": changes here are lost. -->

Every command with its options, variables, defaults and examples, as \`--help\` shows them. Installed as a package, the program
is also called \`v3-operator\`. Options of \`remote-db\` itself may stand before the command, too. Groups of commands:

${groups.join('\n')}

<!-- commands -->
`;

const isCheck = process.argv.includes('--check');
if (isManifestFresh()) {
  const text = makeReference();
  if (!isCheck) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  } else if (!existsSync(file) || text !== readFileSync(file, 'utf8')) {
    process.stderr.write('docs/commands.md is stale: run "npm run reference".\n');
    process.exitCode = 1;
  }
} else process.exitCode = 1;

/** A stale manifest would make a stale reference; manifest.js says so itself. */
function isManifestFresh() {
  try {
    execFileSync(process.execPath, [join(root, 'scripts', 'manifest.js'), '--check'], { stdio: 'inherit' });
    return true;
  } catch {
    return false;
  }
}

function makeReference() {
  const directory = mkdtempSync(join(tmpdir(), 'command-reference-'));
  const path = join(directory, 'commands.md');
  try {
    writeFileSync(path, head);
    writeFileSync(join(directory, 'package.json'), JSON.stringify(packageWithHelp()));
    const help = pathToFileURL(join(root, 'src', 'cli', 'help', 'help-pages.ts'));
    writeFileSync(join(directory, 'help.js'), `export { ProgramHelp } from ${JSON.stringify(help)};\n`);
    writeFileSync(join(directory, 'oclif.manifest.json'), JSON.stringify(manifestWithNames()));
    const options = [
      '--plugin-directory',
      directory,
      '--readme-path',
      path,
      '--no-source-links',
      '--no-aliases',
    ];
    const environment = {
      ...process.env,
      COLUMNS,
      // It would ask a registry for a newer oclif, and keep the answer in the user's directories.
      OCLIF_SKIP_NEW_VERSION_CHECK: 'true',
      XDG_CACHE_HOME: directory,
      XDG_CONFIG_HOME: directory,
      XDG_DATA_HOME: directory,
    };
    execFileSync(process.execPath, [oclif, 'readme', ...options], {
      env: environment,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    return readFileSync(path, 'utf8');
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The package, whose commands are shown by the program's own help: oclif looks for it in the package's directory only. */
function packageWithHelp() {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const helpClass = { target: './help.js', identifier: 'ProgramHelp' };
  return { ...manifest, oclif: { ...manifest.oclif, helpClass } };
}

/** The manifest with usage lines as they are shown: headings would have "remote-db:setup" where users write a space. */
function manifestWithNames() {
  const manifest = JSON.parse(readFileSync(join(root, 'oclif.manifest.json'), 'utf8'));
  for (const command of Object.values(manifest.commands)) {
    command.usage = command.usage.replace('<%= command.id %>', command.id.replaceAll(':', ' '));
  }
  return manifest;
}
