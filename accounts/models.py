"""Who: people, roles, and what they are granted where. Roles are data; the list of actions is code (permissions.py)."""

import uuid
from typing import ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower

from plant.models import Area


class UserManager(BaseUserManager["User"]):
    def create_user(self, username: str, password: str | None = None, **fields: object) -> "User":
        user = self.model(username=username, **fields)
        user.set_password(password)
        user.save()
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(username__iexact=username)


class User(AbstractBaseUser):
    """A person. There is no superuser: everything a person may do is a grant."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    username = models.CharField(
        max_length=64,
        unique=True,
        validators=[RegexValidator(r"\A[\w.@+-]+\Z", "Letters, digits and . @ + - _ only.")],
    )
    full_name = models.CharField(max_length=120, blank=True)
    email = models.EmailField(blank=True)
    is_active = models.BooleanField(
        default=True,
        help_text="Off: the person cannot log in, and open sessions and screens end at once.",
    )
    date_joined = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = UserManager()

    class Meta:
        ordering = ["username"]
        constraints = [models.UniqueConstraint(Lower("username"), name="user_username_unique_ci")]

    def __str__(self) -> str:
        return self.full_name or self.username


class Role(models.Model):
    """A named set of actions. The seven standard roles are seeded; a site may add its own."""

    name = models.SlugField(max_length=32, unique=True)
    title = models.CharField(max_length=60)
    actions = models.JSONField(default=list, help_text="Names of actions, from accounts.permissions.Action.")

    class Meta:
        ordering = ["title"]

    def __str__(self) -> str:
        return self.title


class Grant(models.Model):
    """This person has this role in this area and everything below it. Area empty: everywhere."""

    user = models.ForeignKey(User, models.CASCADE, related_name="grants")
    role = models.ForeignKey(Role, models.PROTECT, related_name="grants")
    area = models.ForeignKey(Area, models.PROTECT, null=True, blank=True, related_name="grants")

    class Meta:
        ordering = ["user", "role"]
        constraints = [
            models.UniqueConstraint("user", "role", "area", name="grant_unique"),
            models.UniqueConstraint("user", "role", condition=models.Q(area=None), name="grant_everywhere_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.role} {'everywhere' if self.area is None else f'in {self.area}'}"


class ApiToken(models.Model):
    """A key for programs. Only its hash is stored; it can do at most what its owner may, and only its scopes."""

    user = models.ForeignKey(User, models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=60)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = models.JSONField(default=list, help_text="Names of actions the token may use.")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} of {self.user}"
