from pluginmachinery.config.root import Configuration

__all__ = ["Configuration"]
