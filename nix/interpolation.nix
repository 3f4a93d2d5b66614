# `${NAME:-default}` and `${NAME:?why}` as compose reads them, from the given variables.
variables:
let
  inherit (builtins) elemAt match;
  interpolate =
    text:
    let
      found = match "(.*)\\$\\{([A-Z_]+)(:[-?])([^}]*)}(.*)" text;
      part = elemAt found;
      absent = if part 2 == ":-" then part 3 else throw "${part 1} ${part 3}";
    in
    if found == null then text else interpolate (part 0 + variables.${part 1} or absent + part 4);
in
interpolate
