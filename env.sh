# Source this after a build: `. ./env.sh`. Then GStreamer finds the plugin in build/, the element
# finds its demo model, and `hysac` is on the PATH. For sh, dash, bash and zsh, from any folder.
# HYSAC_BUILD names another build folder.

if [ -n "${BASH_VERSION:-}" ]; then
  _hysac_root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
elif [ -n "${ZSH_VERSION:-}" ]; then
  _hysac_root=$(eval 'cd "$(dirname "${(%):-%x}")" && pwd')
else
  # A plain sh does not say which file it reads, but it has the file open.
  _hysac_root=
  for _hysac_fd in /proc/$$/fd/*; do
    case $(readlink "$_hysac_fd" 2>/dev/null) in
    */env.sh) _hysac_root=$(dirname "$(readlink "$_hysac_fd")") ;;
    esac
  done
  [ -n "$_hysac_root" ] || _hysac_root=$PWD
  unset _hysac_fd
fi

if [ -f "$_hysac_root/libhysac.map" ]; then
  _hysac_build=${HYSAC_BUILD:-$_hysac_root/build}
  case ":${GST_PLUGIN_PATH:-}:" in
  *":$_hysac_build/gst:"*) ;;
  *) export GST_PLUGIN_PATH="$_hysac_build/gst${GST_PLUGIN_PATH:+:$GST_PLUGIN_PATH}" ;;
  esac
  # A registry of its own: a plugin that is built anew does not linger in the user's.
  export GST_REGISTRY="$_hysac_build/gst-registry.bin"
  export HYSAC_DEMO_MODEL="$_hysac_root/models/demo"
  case ":$PATH:" in
  *":$_hysac_build/tools:"*) ;;
  *) export PATH="$_hysac_build/tools:$PATH" ;;
  esac
  [ -d "$_hysac_build" ] || echo "env.sh: $_hysac_build is not built yet: meson setup build && ninja -C build" >&2
  unset _hysac_build
else
  echo "env.sh: cannot tell where gst-hysac is: source it from its own folder" >&2
fi
unset _hysac_root
