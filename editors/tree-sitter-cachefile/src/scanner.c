// Finds the line breaks that end a step or an attribute. A line break ends nothing where the next line of code starts with
// an operator.

#include "tree_sitter/parser.h"

enum TokenType { LINE_BREAK };

void *tree_sitter_cachefile_external_scanner_create(void) { return NULL; }
void tree_sitter_cachefile_external_scanner_destroy(void *payload) { (void)payload; }
unsigned tree_sitter_cachefile_external_scanner_serialize(void *payload, char *buffer) {
  (void)payload, (void)buffer;
  return 0;
}
void tree_sitter_cachefile_external_scanner_deserialize(void *payload, const char *buffer, unsigned length) {
  (void)payload, (void)buffer, (void)length;
}

static bool is_blank(int32_t character) {
  return character == ' ' || character == '\t' || character == '\r';
}

// Skips blank lines and lines of comments.
static void skip_to_code(TSLexer *lexer) {
  for (;;) {
    while (is_blank(lexer->lookahead) || lexer->lookahead == '\n') lexer->advance(lexer, false);
    if (lexer->lookahead != '#') return;
    while (lexer->lookahead != '\n' && !lexer->eof(lexer)) lexer->advance(lexer, false);
  }
}

static bool starts_with_operator(TSLexer *lexer) {
  int32_t first = lexer->lookahead;
  if (first == '+') return true;
  if (first != '?' && first != '|' && first != '&' && first != '=' && first != '!') return false;
  lexer->advance(lexer, false);
  return lexer->lookahead == (first == '!' ? '=' : first);
}

bool tree_sitter_cachefile_external_scanner_scan(void *payload, TSLexer *lexer, const bool *valid_symbols) {
  (void)payload;
  if (!valid_symbols[LINE_BREAK]) return false;
  while (is_blank(lexer->lookahead)) lexer->advance(lexer, true);
  if (lexer->lookahead != '\n') return false;
  lexer->advance(lexer, false);
  lexer->mark_end(lexer);
  skip_to_code(lexer);
  if (starts_with_operator(lexer)) return false;
  lexer->result_symbol = LINE_BREAK;
  return true;
}
