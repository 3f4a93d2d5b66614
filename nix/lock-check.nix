# The lock agrees with the flake: one node for each input, found by the very reference that flake.nix writes.
{ pkgs }:
let
  inherit (builtins)
    attrNames
    fromJSON
    mapAttrs
    readFile
    removeAttrs
    toJSON
    ;
  lock = fromJSON (readFile ../flake.lock);
  wanted = mapAttrs (_: input: input.url) (import ../flake.nix).inputs;
  spelled = original: "${original.type}:${original.owner}/${original.repo}/${original.ref}";
  found = mapAttrs (_: node: spelled node.original) (removeAttrs lock.nodes [ "root" ]);
in
if wanted != found then
  throw "flake.lock is for ${toJSON found}, flake.nix asks for ${toJSON wanted}: run `nix flake lock`"
else
  pkgs.runCommand "flake-lock" { } ''
    echo '${toString (attrNames found)}' >$out
  ''
