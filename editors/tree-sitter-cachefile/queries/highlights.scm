; Colours. Later patterns win over earlier ones.

(identifier) @variable

; ---- Items
(version "cachelang" @keyword.directive)
(include "include" @keyword.import)
["param" "let" "secret"] @keyword
(item kind: _ @keyword)
["extends" "after"] @keyword
(param name: (identifier) @constant)
(let name: (identifier) @constant)
(secret name: (identifier) @constant)
(item name: (identifier) @type)
(type) @type.builtin
(binder name: (identifier) @variable.parameter)

; ---- Blocks
(attribute name: (identifier) @property)
(entry key: (identifier) @variable.member)
((attribute name: (identifier) @type)
  ; words: attributes
  (#not-any-of? @type "when")
  (#set! "priority" 90))
(section name: (identifier) @property)
((section name: (identifier) @keyword)
  (#any-of? @keyword "pre" "post"))
(stage "stage" @keyword)
(stage name: (identifier) @label)

; ---- Steps
["build" "push" "promote" "to" "run" "sh" "approve"] @keyword.function

; ---- Values
["if" "then" "else"] @keyword.conditional
["for" "in"] @keyword.repeat
["??" "||" "&&" "==" "!=" "+" "!" "="] @operator
(boolean) @boolean
(integer) @number
(duration) @number
(size) @number
(field name: (identifier) @variable.member)
((field value: (identifier) @variable.builtin name: (identifier) @property)
  (#eq? @variable.builtin "git")
  ; words: git
  (#any-of? @property "commit"))
(call function: (identifier) @function.call)
((call function: (identifier) @function.builtin)
  ; words: functions
  (#any-of? @function.builtin "env"))
((call function: (field value: (identifier) @variable.builtin name: (identifier) @function.builtin))
  (#eq? @variable.builtin "cache")
  ; words: caches
  (#any-of? @function.builtin "registry"))
(argument name: (identifier) @variable.parameter)
(tag repository: (identifier) @module)

; ---- Strings
(string) @string
(multiline_string) @string
(escape_sequence) @string.escape
(interpolation ["${" "}"] @punctuation.special)

; ---- Punctuation
["(" ")" "[" "]" "{" "}"] @punctuation.bracket
(interpolation ["${" "}"] @punctuation.special)
["," ":" "." ";"] @punctuation.delimiter

; ---- Comments
(comment) @comment
(description) @comment.documentation
