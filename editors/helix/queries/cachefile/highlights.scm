; Written from editors/tree-sitter-cachefile/queries/highlights.scm by editors/generate.
; Colours. Later patterns win over earlier ones.

(identifier) @variable

; ---- Items
(version "cachelang" @keyword.directive)
(include "include" @keyword.control.import)
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
(entry key: (identifier) @variable)
(attribute name: (identifier) @variable)
((attribute name: (identifier) @variable.other.member)
  ; words: attributes
  (#any-of? @variable.other.member "account" "annotations" "args" "attest" "builder" "ca" "cert" "context" "contexts" "create" "description" "dir" "dockerfile" "dockerfile_inline" "endpoint" "env" "extra_hosts" "from" "host" "immutable" "insecure" "keep_last" "key" "kind" "kms_key" "labels" "load" "manage" "matches" "mutable_tags" "name" "network" "no_cache" "no_cache_stages" "oneof" "password" "platforms" "profile" "public" "pull" "region" "registry" "retries" "role" "scan_on_push" "secrets" "shm_size" "ssh" "tags" "target" "timeout" "to" "ulimits" "untagged_after" "username" "when"))
(section name: (identifier) @variable)
((section name: (identifier) @variable.other.member)
  ; words: blocks
  (#any-of? @variable.other.member "cache" "lifecycle" "tls"))
((section name: (identifier) @keyword)
  (#any-of? @keyword "pre" "post"))
(stage "stage" @keyword)
(stage name: (identifier) @label)

; ---- Steps
; words: steps
["build" "push" "promote" "run" "sh" "approve"] @keyword.control
(promote_step "to" @keyword.control)

; ---- Values
["if" "then" "else"] @keyword.control.conditional
["for" "in"] @keyword.control.repeat
["??" "||" "&&" "==" "!=" "+" "!" "="] @operator
(boolean) @constant.builtin.boolean
(integer) @constant.numeric
(duration) @constant.numeric
(size) @constant.numeric
(field name: (identifier) @variable)
((field value: (identifier) @variable.builtin name: (identifier) @variable.other.member)
  (#eq? @variable.builtin "git")
  ; words: git
  (#any-of? @variable.other.member "branch" "commit" "dirty" "remote" "short" "tag"))
(call function: (identifier) @function)
((call function: (identifier) @function.builtin)
  ; words: functions
  (#any-of? @function.builtin "basename" "contains" "ends_with" "env" "file" "git" "hash_files" "join" "keys" "length" "lower" "now" "read" "replace" "sha256" "short" "slug" "split" "starts_with" "trim" "upper"))
((call function: (field value: (identifier) @variable.builtin name: (identifier) @function.builtin))
  (#eq? @variable.builtin "cache")
  ; words: caches
  (#any-of? @function.builtin "registry" "inline" "local" "gha" "s3"))
(argument name: (identifier) @variable.parameter)
(tag repository: (identifier) @namespace)

; ---- Strings
(string) @string
(multiline_string) @string
(escape_sequence) @constant.character.escape

; ---- Punctuation
["(" ")" "[" "]" "{" "}"] @punctuation.bracket
(interpolation ["${" "}"] @punctuation.special)
["," ":" "." ";"] @punctuation.delimiter

; ---- Comments
(comment) @comment.line
(description) @comment.line.documentation
