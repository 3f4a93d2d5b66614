# The command line for one deployment, which it takes where no other is given.
{
  pkgs,
  suho,
  compose,
}:
pkgs.runCommand "suho-${suho.version}"
  {
    inherit suho compose;
    nativeBuildInputs = [ pkgs.makeWrapper ];
    inherit (suho) meta;
  }
  ''
    mkdir -p "$out/bin"
    makeWrapper "$suho/bin/suho" "$out/bin/suho" --set-default SUHO_COMPOSE_DIR "$compose"
    ln -s "$suho/share" "$out/share"
  ''
