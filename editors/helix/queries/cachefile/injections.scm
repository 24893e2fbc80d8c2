; Written from editors/tree-sitter-cachefile/queries/injections.scm by editors/generate.
; Scripts of `sh`, and Dockerfiles inside a file. What holes insert is not part of them.

((shell_step
  script: [(string (string_content) @injection.content) (multiline_string (string_content) @injection.content)])
  (#set! injection.language "bash")
  (#set! injection.combined))

((attribute
  name: (identifier) @_name
  value: [(string (string_content) @injection.content) (multiline_string (string_content) @injection.content)])
  (#eq? @_name "dockerfile_inline")
  (#set! injection.language "dockerfile")
  (#set! injection.combined))

([(comment) (description)] @injection.content
  (#set! injection.language "comment"))
