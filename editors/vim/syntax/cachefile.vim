" Highlighting of files of cachelang. The lists below `words:` are written by editors/generate.

if exists('b:current_syntax')
  finish
endif

let s:save_cpo = &cpoptions
set cpoptions&vim

syntax case match
syntax sync fromstart

" words: items
let s:items = ["registry", "repository", "builder", "template", "image", "wave"]
" words: values
let s:values = ["param", "let", "secret"]
" words: steps
let s:steps = ["build", "push", "promote", "run", "sh", "approve"]
" words: types
let s:types = ["string", "int", "bool", "duration", "list<string>"]
" words: attributes
let s:attributes = ["account", "annotations", "args", "attest", "builder", "ca", "cert", "context", "contexts", "create", "description", "dir", "dockerfile", "dockerfile_inline", "endpoint", "env", "extra_hosts", "from", "host", "immutable", "insecure", "keep_last", "key", "kind", "kms_key", "labels", "load", "manage", "matches", "mutable_tags", "name", "network", "no_cache", "no_cache_stages", "oneof", "password", "platforms", "profile", "public", "pull", "region", "registry", "retries", "role", "scan_on_push", "secrets", "shm_size", "ssh", "tags", "target", "timeout", "to", "ulimits", "untagged_after", "username", "when"]
" words: blocks
let s:blocks = ["cache", "lifecycle", "tls"]
" words: functions
let s:functions = ["basename", "contains", "ends_with", "env", "file", "git", "hash_files", "join", "keys", "length", "lower", "now", "read", "replace", "sha256", "short", "slug", "split", "starts_with", "trim", "upper"]
" words: git
let s:git = ["branch", "commit", "dirty", "remote", "short", "tag"]
" words: caches
let s:caches = ["registry", "inline", "local", "gha", "s3"]
" words: durations
let s:durations = ["ms", "s", "m", "h", "d"]
" words: sizes
let s:sizes = ["KiB", "MiB", "GiB", "TiB"]

function s:OneOf(words) abort
  return '\%(' . join(a:words, '\|') . '\)'
endfunction

" Brackets that are still open end where an item starts at the beginning of a line.
let s:recover = ' end=+^\ze' . s:OneOf(['cachelang', 'include'] + s:values + s:items) . '\s\+[A-Za-z0-9_"]+'
" Where a step can start.
let s:start = '\%(^\|[{;]\)\@1<=\s*'
" What keeps the word of a step from being one.
let s:no_step = '\>\%(-\|\s*[=:{]\)\@!'

" ---- Comments
syntax match cachefileComment "#.*$" contains=cachefileTodo,@Spell
syntax match cachefileComment "#\s*cachelang:\s*allow\>.*$" contains=cachefileAllow,cachefileCode
syntax match cachefileDoc "##.*$" contains=cachefileTodo,@Spell
syntax match cachefileAllow "cachelang:\s*allow\>" contained
syntax match cachefileCode "\<[EW]\d\{4}\>" contained
syntax keyword cachefileTodo contained TODO FIXME XXX

" ---- Values
syntax cluster cachefileValue contains=cachefileComment,cachefileDoc,cachefileString,cachefileText,cachefileNumber,
      \cachefileMalformed,cachefileCall,cachefileFunction,cachefileObject,cachefileField,cachefileTag,cachefileWord,cachefileOperator,
      \cachefileAssign,cachefileParens,cachefileBlock,cachefileMap,cachefileShell,cachefileQuote

syntax match cachefileWord "\<\h\w*\>" contains=cachefileConditional,cachefileRepeat,cachefileBoolean
syntax keyword cachefileConditional contained if then else
syntax keyword cachefileRepeat contained for in
syntax keyword cachefileBoolean contained true false

syntax match cachefileCall "\<\h\w*\ze(" contains=cachefileConditional,cachefileRepeat
execute 'syntax match cachefileFunction "\<' . s:OneOf(s:functions) . '\ze("'

syntax match cachefileObject "\<\%(git\|cache\)\ze\.\h" nextgroup=cachefileMember
syntax match cachefileMember "\.\h\w*" contained contains=cachefileGit,cachefileCache
execute 'syntax match cachefileGit "\<' . s:OneOf(s:git) . '\>(\@!" contained'
execute 'syntax match cachefileCache "\<' . s:OneOf(s:caches) . '\ze(" contained'
syntax match cachefileField "\.\h\w*"

syntax match cachefileTag +\<\h\w*:\ze["(A-Za-z0-9_]+

syntax match cachefileAssign "="
syntax match cachefileOperator "??\|||\|&&\|==\|!=\|!\|+"
syntax match cachefileShell "\${\=\h\w*}\="
syntax match cachefileQuote "['`‘’“”]"

syntax match cachefileMalformed "-\=\<\d[A-Za-z0-9_.-]*"
syntax match cachefileNumber "-\=\<\d\+\%([A-Za-z0-9_.-]\)\@!"
execute 'syntax match cachefileNumber "\<\d\+' . s:OneOf(s:durations + s:sizes) . '\%([A-Za-z0-9_.-]\)\@!"'

" ---- Strings
syntax region cachefileString matchgroup=cachefileStringQuote start=+"+ end=+"+ end=+$+
      \ contains=cachefileEscape,cachefileBadEscape,cachefileHole,@Spell
syntax region cachefileText matchgroup=cachefileTextStart start=+"""+ matchgroup=cachefileTextEnd end=+"""+
      \ contains=cachefileEscape,cachefileBadEscape,cachefileTextHole,@Spell
syntax match cachefileBadEscape +\\\%(u{[^}"]*}\=\|.\)+ contained
syntax match cachefileEscape +\\\%([nt"\\$]\|u{\x\{1,6}}\)+ contained
syntax region cachefileHole matchgroup=cachefileHoleBrace start="\${" end="}" contained oneline
      \ contains=@cachefileValue
syntax region cachefileTextHole matchgroup=cachefileHoleBrace start="\${" end="}" contained contains=@cachefileValue

" ---- Brackets
execute 'syntax region cachefileParens matchgroup=cachefileBracket start="(" end=")"' . s:recover . ' transparent'
      \ . ' contains=@cachefileValue,cachefileArgument'
syntax match cachefileArgument "\<\h\w*\ze\s*=\%(=\)\@!" contained
execute 'syntax region cachefileBlock matchgroup=cachefileBracket start="{" end="}"' . s:recover . ' transparent fold'
      \ . ' contains=@cachefileValue,cachefileKey,cachefileAttribute,cachefileInner,cachefileStep,cachefilePromote,cachefileStage,cachefileSection,cachefileClause'
execute 'syntax region cachefileMap matchgroup=cachefileBracket start="\%(=\s*\)\@50<={" end="}"' . s:recover . ' transparent fold'
      \ . ' contains=@cachefileValue,cachefileMapKey'
syntax match cachefileMapKey "\<\h[A-Za-z0-9_-]*\ze\s*=\%(=\)\@!" contained

syntax match cachefileKey "\<\h[A-Za-z0-9_-]*\ze\s*=\%(=\)\@!" contained
execute 'syntax match cachefileAttribute "\<' . s:OneOf(s:attributes) . '\ze\s*=\%(=\)\@!" contained'
execute 'syntax match cachefileInner "\<' . s:OneOf(s:blocks) . '\ze\s*{" contained'

" ---- Steps
execute 'syntax match cachefileStep "' . s:start . s:OneOf(s:steps) . s:no_step . '" contained'
execute 'syntax match cachefilePromote "' . s:start . 'promote' . s:no_step . '.\{-}\%(\<to\>\|$\)" contained transparent'
      \ . ' contains=@cachefileValue,cachefileStep,cachefileTo'
syntax match cachefileTo "\<to\>" contained
syntax match cachefileSection "\<\%(pre\|post\)\ze\s*{" contained
syntax match cachefileStage "\<stage\>\%(\s*[=:{]\)\@!" contained skipwhite nextgroup=cachefileName

" ---- Items
syntax match cachefileVersion "\%^\%ufeff\=\s*cachelang\>" skipwhite nextgroup=cachefileNumber
syntax match cachefileInclude "^\s*include\>" skipwhite nextgroup=cachefileString
execute 'syntax match cachefileItem "^\s*' . s:OneOf(s:values) . '\>" skipwhite nextgroup=cachefileValueName'
execute 'syntax match cachefileItem "^\s*' . s:OneOf(s:items) . '\>" skipwhite nextgroup=cachefileName'
syntax match cachefileName "\<\%(\%(extends\|after\|for\)\>\)\@!\h[A-Za-z0-9_-]*" contained
syntax match cachefileClause "\<\%(extends\|after\)\ze\s\+\h"
syntax match cachefileValueName "\<\h[A-Za-z0-9_-]*" contained skipwhite nextgroup=cachefileColon
syntax match cachefileColon ":" contained skipwhite nextgroup=cachefileType
execute 'syntax match cachefileType "' . s:OneOf(s:types) . '[A-Za-z0-9_<]\@!" contained'

highlight default link cachefileComment Comment
highlight default link cachefileDoc SpecialComment
highlight default link cachefileAllow PreProc
highlight default link cachefileCode Constant
highlight default link cachefileTodo Todo
highlight default link cachefileConditional Conditional
highlight default link cachefileRepeat Repeat
highlight default link cachefileBoolean Boolean
highlight default link cachefileFunction Function
highlight default link cachefileObject Special
highlight default link cachefileGit Identifier
highlight default link cachefileCache Function
highlight default link cachefileTag Identifier
highlight default link cachefileOperator Operator
highlight default link cachefileNumber Number
highlight default link cachefileMalformed Error
highlight default link cachefileShell Error
highlight default link cachefileQuote Error
highlight default link cachefileString String
highlight default link cachefileStringQuote String
highlight default link cachefileText String
highlight default link cachefileTextStart String
highlight default link cachefileTextEnd String
highlight default link cachefileEscape SpecialChar
highlight default link cachefileBadEscape Error
highlight default link cachefileHoleBrace Special
highlight default link cachefileArgument Identifier
highlight default link cachefileAttribute Type
highlight default link cachefileInner Type
highlight default link cachefileStep Statement
highlight default link cachefileTo Statement
highlight default link cachefileSection Structure
highlight default link cachefileStage Structure
highlight default link cachefileClause Keyword
highlight default link cachefileVersion PreProc
highlight default link cachefileInclude Include
highlight default link cachefileItem Structure
highlight default link cachefileName Identifier
highlight default link cachefileValueName Identifier
highlight default link cachefileType Type

let b:current_syntax = 'cachefile'
let &cpoptions = s:save_cpo
unlet s:save_cpo s:items s:values s:steps s:types s:attributes s:blocks s:functions s:git s:caches s:durations s:sizes
unlet s:recover s:start s:no_step
delfunction s:OneOf
