(param "param" @context name: (_) @name) @item
(let "let" @context name: (_) @name) @item
(secret "secret" @context name: (_) @name) @item
(item kind: _ @context name: (_) @name) @item
(stage "stage" @context name: (_) @name) @item
(description) @annotation
