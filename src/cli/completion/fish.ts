import {
  type CompletedProgram,
  type CompletedValue,
  sharedOptions,
  valuedOptions,
  wordsBehind,
} from './completed-program.ts';

/** A script for fish 3.0 and newer. */
export function fishCompletion(program: CompletedProgram): string {
  const { names, commands, leads } = program;
  const known = commands.filter(({ words }) => words !== '' && !leads.includes(words));
  return `# Completion of ${names.join(' and ')} for fish: ${names[0]} completion fish | source
function __stakewise_operator_is --description 'Whether the command line has one of these commands'
    set -l command
    set -l lead
    set -l previous
    for word in (commandline --tokenize --cut-at-cursor --current-process)[2..-1]
        if not contains -- "$previous" ${valuedOptions(program).join(' ')}
            switch "$lead$command $word"
${leads.map(lead => `                case ' ${lead}'\n                    set lead '${lead}:'`).join('\n')}
            end
            switch "$command $word"
${known
  .map(
    ({ words }) =>
      `                case ${quote(words.includes(' ') ? words : ` ${words}`)}\n                    set command ${quote(words)}`,
  )
  .join('\n')}
            end
        end
        set previous $word
    end
    if test -z "$command" -a -n "$lead"
        contains -- (string trim --right --chars=: $lead) $argv
        and return 0
        contains -- leads $argv
        return
    end
    contains -- "$command" $argv
end

for program in ${names.join(' ')}
    complete --command $program --erase
    complete --command $program --no-files
${commands
  .filter(({ words }) => !leads.includes(words))
  .flatMap(({ words, argument }) => [
    ...wordsBehind(program, words).map(
      ({ name, description }) =>
        `    complete --command $program --condition ${condition(words === '' ? ['', 'leads'] : [words])} --arguments ${quote(name)} --description ${quote(description)}`,
    ),
    ...(argument === undefined || argument.words.length === 0
      ? []
      : [
          `    complete --command $program --condition ${condition([words])} --arguments ${quote(argument.words.join(' '))}`,
        ]),
  ])
  .join('\n')}
${sharedOptions(program)
  .map(
    ({ option, commands: takers }) =>
      `    complete --command $program --condition ${condition(takers)} --long-option ${option.name.slice(2)}${valueArguments(option.value)} --description ${quote(option.description)}`,
  )
  .join('\n')}
end
`;
}

function condition(commands: readonly string[]): string {
  return quote(`__stakewise_operator_is ${commands.map(quote).join(' ')}`);
}

function valueArguments(value: CompletedValue | undefined): string {
  if (value === undefined) return '';
  const words = value.words.join(' ');
  if (value.paths === 'files')
    return ` --require-parameter --force-files${words === '' ? '' : ` --arguments ${quote(words)}`}`;
  const found = value.paths === 'directories' ? '(__fish_complete_directories)' : words;
  return ` --exclusive${found === '' ? '' : ` --arguments ${quote(found)}`}`;
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
