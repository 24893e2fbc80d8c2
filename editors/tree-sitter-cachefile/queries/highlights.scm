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
(entry key: (identifier) @variable.member)
(attribute name: (identifier) @variable.member)
((attribute name: (identifier) @property)
  ; words: attributes
  (#any-of? @property "account" "annotations" "args" "attest" "builder" "ca" "cert" "context" "contexts" "create" "description" "dir" "dockerfile" "dockerfile_inline" "endpoint" "env" "extra_hosts" "from" "host" "immutable" "insecure" "keep_last" "key" "kind" "kms_key" "labels" "load" "manage" "matches" "mutable_tags" "name" "network" "no_cache" "no_cache_stages" "oneof" "password" "platforms" "profile" "public" "pull" "region" "registry" "retries" "role" "scan_on_push" "secrets" "shm_size" "ssh" "tags" "target" "timeout" "to" "ulimits" "untagged_after" "username" "when"))
(section name: (identifier) @variable.member)
((section name: (identifier) @property)
  ; words: blocks
  (#any-of? @property "cache" "lifecycle" "tls"))
((section name: (identifier) @keyword)
  (#any-of? @keyword "pre" "post"))
(stage "stage" @keyword)
(stage name: (identifier) @label)

; ---- Steps
; words: steps
["build" "push" "promote" "run" "sh" "approve"] @keyword.function
(promote_step "to" @keyword.function)

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
  (#any-of? @property "branch" "commit" "dirty" "remote" "short" "tag"))
(call function: (identifier) @function.call)
((call function: (identifier) @function.builtin)
  ; words: functions
  (#any-of? @function.builtin "basename" "contains" "ends_with" "env" "file" "git" "hash_files" "join" "keys" "length" "lower" "now" "read" "replace" "sha256" "short" "slug" "split" "starts_with" "trim" "upper"))
((call function: (field value: (identifier) @variable.builtin name: (identifier) @function.builtin))
  (#eq? @variable.builtin "cache")
  ; words: caches
  (#any-of? @function.builtin "registry" "inline" "local" "gha" "s3"))
(argument name: (identifier) @variable.parameter)
(tag repository: (identifier) @module)

; ---- Strings
(string) @string
(multiline_string) @string
(escape_sequence) @string.escape

; ---- Punctuation
["(" ")" "[" "]" "{" "}"] @punctuation.bracket
(interpolation ["${" "}"] @punctuation.special)
["," ":" "." ";"] @punctuation.delimiter

; ---- Comments
(comment) @comment
(description) @comment.documentation
