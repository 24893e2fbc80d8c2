// The grammar of .cachefile for tree-sitter. `editors/generate` makes src/parser.c from it.
//
// It accepts every file that cachelang accepts. A line break ends a step or an attribute, unless the next line goes on with
// an operator: src/scanner.c looks. Everywhere else line breaks are blanks.

/// <reference types="tree-sitter-cli/dsl" />

// words: items
const ITEMS = ["registry", "repository", "builder", "template", "image", "wave"];
// words: steps
const STEPS = ["build", "push", "promote", "run", "sh", "approve"];
// words: durations
const DURATIONS = ["ms", "s", "m", "h", "d"];
// words: sizes
const SIZES = ["KiB", "MiB", "GiB", "TiB"];

const PRECEDENCE = { conditional: 0, default: 1, or: 2, and: 3, compare: 4, concat: 5, not: 6, postfix: 7 };

const commaSeparated = (rule) => seq(rule, repeat(seq(',', rule)));

module.exports = grammar({
  name: 'cachefile',

  word: ($) => $.identifier,
  extras: ($) => [/[ \t\r\n\uFEFF]/, $.comment, $.description],
  externals: ($) => [$._line_break],
  supertypes: ($) => [$._item, $._value, $._step],

  rules: {
    source_file: ($) => repeat(choice($._item, $._line_break)),

    description: () => token(prec(1, /##[^\r\n]*/)),
    comment: () => token(/#[^\r\n]*/),

    // ---- Items

    _item: ($) => choice($.version, $.include, $.param, $.let, $.secret, $.item),

    version: ($) => seq('cachelang', $.integer),
    include: ($) => seq('include', field('path', $.string)),
    param: ($) =>
      seq(
        'param',
        field('name', $.identifier),
        ':',
        field('type', $.type),
        optional(seq('=', field('default', $._value))),
        optional(field('body', $.block)),
      ),
    type: ($) => seq($.identifier, optional(seq('<', $.identifier, '>')), optional('?')),
    let: ($) => seq('let', field('name', $.identifier), '=', field('value', $._value)),
    secret: ($) => seq('secret', field('name', $.identifier), '=', field('value', $._value)),
    item: ($) =>
      seq(field('kind', choice(...ITEMS)), field('name', $.identifier), repeat($._clause), field('body', $.block)),

    _clause: ($) => choice($.extends, $.after, $.for),
    extends: ($) => seq('extends', commaSeparated($.identifier)),
    after: ($) => seq('after', commaSeparated($.identifier)),
    for: ($) => seq('for', commaSeparated($.binder)),
    binder: ($) => seq(field('name', $.identifier), 'in', field('list', $._value)),

    // ---- Blocks

    block: ($) => seq('{', repeat($._separator), optional($._members), '}'),
    _members: ($) => seq($._member, repeat(seq(repeat1($._separator), $._member)), repeat($._separator)),
    _separator: ($) => choice($._line_break, ',', ';'),
    _member: ($) => choice($.attribute, $.section, $.stage, $._step),

    attribute: ($) => seq(field('name', $._name), '=', field('value', $._value)),
    section: ($) => seq(field('name', $._name), field('body', $.block)),
    stage: ($) => seq('stage', field('name', $.identifier), repeat($._clause), field('body', $.block)),
    // What starts a step or a stage elsewhere may be the name of an attribute.
    _name: ($) => choice($.identifier, $.string, alias(choice(...STEPS, 'stage'), $.identifier)),

    _step: ($) => choice($.images_step, $.promote_step, $.run_step, $.shell_step, $.approve_step),
    images_step: ($) => prec.right(seq(choice('build', 'push'), commaSeparated($._operand))),
    promote_step: ($) =>
      prec.right(seq('promote', field('image', $._operand), 'to', commaSeparated(field('tag', $._operand)))),
    run_step: ($) => seq('run', repeat1($._operand), optional(field('options', $.block))),
    shell_step: ($) => seq('sh', field('script', $._operand), optional(field('options', $.block))),
    approve_step: ($) => seq('approve', field('question', $._operand)),
    _operand: ($) =>
      choice($._string, $._chain, $.tag, $.integer, $.duration, $.size, $.boolean, $.list, $.parentheses),

    // ---- Values

    _value: ($) =>
      choice(
        $._string,
        $._chain,
        $.tag,
        $.integer,
        $.duration,
        $.size,
        $.boolean,
        $.list,
        $.map,
        $.parentheses,
        $.conditional,
        $.not,
        $.binary,
      ),

    binary: ($) =>
      choice(
        ...[
          ['default', '??', prec.right],
          ['or', '||', prec.left],
          ['and', '&&', prec.left],
          ['compare', choice('==', '!='), prec.left],
          ['concat', '+', prec.left],
        ].map(([name, operator, associativity]) =>
          associativity(
            PRECEDENCE[name],
            seq(field('left', $._value), field('operator', operator), field('right', $._value)),
          ),
        ),
      ),
    not: ($) => prec(PRECEDENCE.not, seq('!', $._value)),
    conditional: ($) =>
      prec.right(
        PRECEDENCE.conditional,
        seq(
          'if',
          field('condition', $._value),
          'then',
          field('consequence', $._value),
          'else',
          field('alternative', $._value),
        ),
      ),

    parentheses: ($) => seq('(', $._value, ')'),
    list: ($) => seq('[', optional(choice($._entries, $._generator)), ']'),
    _entries: ($) => seq(commaSeparated($._value), optional(',')),
    _generator: ($) => seq(field('value', $._value), 'for', $.binder, optional(seq('if', field('condition', $._value)))),
    map: ($) => seq('{', repeat(','), optional(seq($.entry, repeat(seq(repeat1(','), $.entry)), repeat(','))), '}'),
    entry: ($) => seq(field('key', choice($.identifier, $.string)), '=', field('value', $._value)),

    // Names and what is attached to them. No blank stands before `(`, `[`, `.` and the colon of a tag.
    _chain: ($) => choice($.identifier, $.call, $.index, $.field),
    call: ($) =>
      prec(PRECEDENCE.postfix, seq(field('function', $._chain), field('arguments', $.arguments))),
    arguments: ($) =>
      seq(token.immediate('('), optional(seq(commaSeparated($._argument), optional(','))), ')'),
    _argument: ($) => choice($._value, $.argument),
    argument: ($) =>
      seq(
        field('name', choice($.identifier, alias(choice('if', 'true', 'false'), $.identifier))),
        '=',
        field('value', $._value),
      ),
    index: ($) =>
      prec(
        PRECEDENCE.postfix,
        seq(field('value', choice($._chain, $.list, $.parentheses)), token.immediate('['), field('index', $._value), ']'),
      ),
    field: ($) =>
      prec(PRECEDENCE.postfix, seq(field('value', $._chain), token.immediate('.'), field('name', $.identifier))),
    tag: ($) =>
      prec(
        PRECEDENCE.postfix,
        seq(field('repository', $._chain), token.immediate(':'), field('tag', choice($._string, $.parentheses, $._chain))),
      ),

    identifier: () => /[A-Za-z_][A-Za-z0-9_]*/,
    boolean: () => choice('true', 'false'),
    integer: () => /-?[0-9]+/,
    duration: () => token(seq(/[0-9]+/, choice(...DURATIONS))),
    size: () => token(seq(/[0-9]+/, choice(...SIZES))),

    // ---- Strings

    _string: ($) => choice($.string, $.multiline_string),
    string: ($) =>
      seq(
        '"',
        repeat(choice(alias($._text, $.string_content), $.escape_sequence, $.interpolation)),
        token.immediate('"'),
      ),
    multiline_string: ($) =>
      seq(
        '"""',
        repeat(choice(alias($._lines, $.string_content), $.escape_sequence, $.interpolation)),
        token.immediate(prec(2, '"""')),
      ),
    // A comment does not start here, hence the precedence.
    _text: () => token.immediate(prec(2, choice(/[^"\\$\r\n]+/, '$'))),
    _lines: () => token.immediate(prec(2, choice(/[^"\\$]+/, '$', '"'))),
    escape_sequence: () => token.immediate(prec(2, /\\([nt"\\$]|u\{[0-9A-Fa-f]+\})/)),
    interpolation: ($) => seq(token.immediate(prec(2, '${')), $._value, '}'),
  },
});
