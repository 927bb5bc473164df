from pydantic import BaseModel


class Configuration(BaseModel):
    pass
